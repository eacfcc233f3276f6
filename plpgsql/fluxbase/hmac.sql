create or replace function fluxbase.hmac(key bytea, message bytea)
  returns bytea
  language sql
  immutable
  strict
  parallel safe
-- There is no exclusive or of bytea, so it goes byte by byte over the block.
return (
  select sha256(
    string_agg(set_byte('\x00', 0, get_byte(k.block, i.n) # 92), '' order by i.n)
    || sha256(
      string_agg(set_byte('\x00', 0, get_byte(k.block, i.n) # 54), '' order by i.n)
      || hmac.message
    )
  )
  from (
    select substr(
      case when octet_length(hmac.key) > 64 then sha256(hmac.key) else hmac.key end
        || decode(repeat('00', 64), 'hex'),
      1, 64
    ) as block
  ) as k
  cross join generate_series(0, 63) as i (n)
);

comment on function fluxbase.hmac(bytea, bytea) is
  'HMAC-SHA-256 of a message (RFC 2104), 32 bytes; without pgcrypto, which may not be there.';

revoke all on function fluxbase.hmac(bytea, bytea) from public;
