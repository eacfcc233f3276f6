create or replace function auth.note_service_key_uses(uses jsonb)
  returns void
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into auth.service_key_uses as u (key_id, last_used_at, last_used_from)
  select k.id, to_timestamp(n.at), n.address
  from jsonb_to_recordset(note_service_key_uses.uses) as n (id text, at bigint, address inet)
  join auth.service_keys as k on k.id = n.id
  -- Two processes take the rows in one order, and so do not wait for each other in a ring.
  order by k.id
  on conflict (key_id) do update
  set last_used_at = excluded.last_used_at,
      last_used_from = excluded.last_used_from
  where u.last_used_at < excluded.last_used_at;
$$;

comment on function auth.note_service_key_uses(jsonb) is
  'Notes when keys were used: [{"id", "at" in seconds since 1970, "address"}]. For the processes,
once a minute.';

revoke all on function auth.note_service_key_uses(jsonb) from public;
grant execute on function auth.note_service_key_uses(jsonb) to authenticator;
