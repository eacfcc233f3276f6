-- The role is that which the session took, also within a security definer function.
create or replace function pagination.seal(
  key pagination.keys, scope text, filters bytea, payload text
)
  returns bytea
  language sql
  stable
  parallel safe
return substr(
  sha256((seal.key).outer_block || sha256((seal.key).inner_block || convert_to(
    jsonb_build_array(
      coalesce(nullif(current_setting('role'), 'none'), session_user),
      seal.scope, encode(seal.filters, 'hex'), seal.payload
    )::text,
    'UTF8'
  ))),
  1, 16
);

comment on function pagination.seal(pagination.keys, text, bytea, text) is
  'The signature of a cursor: the first 16 bytes of HMAC-SHA-256 over role, scope, filters and
what the cursor says.';

revoke all on function pagination.seal(pagination.keys, text, bytea, text) from public;
