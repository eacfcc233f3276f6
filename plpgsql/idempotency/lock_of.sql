create or replace function idempotency.lock_of(scope text, key text)
  returns bigint
  language sql
  immutable
  parallel safe
return hashtextextended(lock_of.scope || ' ' || lock_of.key, 0);

comment on function idempotency.lock_of(text, text) is
  'The advisory lock of a key of a caller (scope). That two keys share one by chance does no harm.';

revoke all on function idempotency.lock_of(text, text) from public;
