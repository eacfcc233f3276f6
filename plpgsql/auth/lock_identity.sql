create or replace function auth.lock_identity(provider text, provider_id text)
  returns void
  language sql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
  select pg_advisory_xact_lock(
    hashtextextended(format('%s %s', lock_identity.provider, lock_identity.provider_id), 1)
  );
$$;

comment on function auth.lock_identity(text, text) is
  'Waits for others who decide whose an account at a provider is, until the end of the transaction.
Before any row of a user is locked.';

revoke all on function auth.lock_identity(text, text) from public;
