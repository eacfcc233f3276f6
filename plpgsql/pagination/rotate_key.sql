create or replace function pagination.rotate_key()
  returns void
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  -- Who calls at the same time would not see the key made here, and leave an old one.
  lock table pagination.keys in share row exclusive mode;

  -- Four uuids have 488 random bits, of which HMAC-SHA-256 makes use of 256.
  insert into pagination.keys (inner_block, outer_block)
  select
    string_agg(set_byte('\x00', 0, get_byte(k.bytes, i.n) # 54), '' order by i.n),
    string_agg(set_byte('\x00', 0, get_byte(k.bytes, i.n) # 92), '' order by i.n)
  from (
    select uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
      || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) as bytes
  ) as k
  cross join generate_series(0, 63) as i (n);

  delete from pagination.keys as k
  where k.id < (select n.id from pagination.keys as n order by n.id desc offset 1 limit 1);
$$;

comment on function pagination.rotate_key() is
  'Signs cursors with a new key from now on. Those of the key before it stay good until the next
call, so that nobody loses the place; call it twice to end all cursors.';

revoke all on function pagination.rotate_key() from public;
grant execute on function pagination.rotate_key() to service_role;
