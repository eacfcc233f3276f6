create or replace function idempotency.is_kept(status integer, headers jsonb)
  returns boolean
  language sql
  immutable
  parallel safe
return is_kept.status < 500
  and is_kept.status not in (401, 403, 409, 429)
  and (is_kept.headers -> 'Cache-Control')::text ilike '%no-store%' is not true;

comment on function idempotency.is_kept(integer, jsonb) is
  'Whether an answer may be repeated: not a refusal that may pass (401, 403, 409, 429), no failure
of the server, and none whose Cache-Control says no-store, because it holds a secret.';

revoke all on function idempotency.is_kept(integer, jsonb) from public;
