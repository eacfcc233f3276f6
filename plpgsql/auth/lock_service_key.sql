create or replace function auth.lock_service_key(id text)
  returns auth.service_keys
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key auth.service_keys;
begin
  select k.* into v_key
  from auth.service_keys as k
  where k.id = lock_service_key.id
  for update;

  if not found then
    raise exception using
      errcode = 'no_data_found',
      message = 'there is no such key',
      hint = 'The id is the part after sb_secret_ or sb_publishable_; auth.list_service_keys() '
        'has all.';
  end if;
  return v_key;
end;
$$;

comment on function auth.lock_service_key(text) is
  'The row of a key, which nobody else changes before the transaction ends. Raises P0002 for an id
that no key has. For functions of ours.';

revoke all on function auth.lock_service_key(text) from public;
