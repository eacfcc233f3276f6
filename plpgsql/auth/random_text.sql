create or replace function auth.random_text(length integer)
  returns text
  language sql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
  -- Four uuids have 488 random bits, of which SHA-256 keeps 256; a letter takes 5 of a byte.
  select string_agg(
    substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + (get_byte(d.digest, i.n) & 31), 1), ''
    order by i.n
  )
  from (
    select sha256(
      uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
      || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
    ) as digest
  ) as d
  cross join generate_series(0, least(random_text.length, 32) - 1) as i (n);
$$;

comment on function auth.random_text(integer) is
  'Letters and digits that nobody can guess, at most 32, of 5 bits each; without those that look
alike (i, l, o, u).';

revoke all on function auth.random_text(integer) from public;
