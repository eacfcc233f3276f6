create or replace function idempotency.replay(scope text, key text, fingerprint bytea)
  returns table (state text, status integer, headers jsonb, body bytea)
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select
    case
      when not s.is_same then 'mismatch'
      when k.status is null then 'running'
      else 'done'
    end,
    case when s.is_same then k.status end,
    case when s.is_same then k.headers end,
    case when s.is_same then k.body end
  from idempotency.keys as k
  cross join lateral (select k.fingerprint = replay.fingerprint as is_same) as s
  where k.scope = replay.scope
  and k.key = replay.key
  and k.expires_at > clock_timestamp()
$$;

comment on function idempotency.replay(text, text, bytea) is
  'What a request with this key of a caller (scope) came to: state is done, with the answer;
running, while there is none yet; mismatch, if that was another request, of which nothing is told.
No row if there is no such key, or it has expired.';

revoke all on function idempotency.replay(text, text, bytea) from public;
grant execute on function idempotency.replay(text, text, bytea) to authenticator, fluxbase_service;
