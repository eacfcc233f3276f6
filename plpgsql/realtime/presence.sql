create or replace function realtime.presence(topic text)
  returns table (private boolean, key text, meta text, since timestamptz, ref text, proxy text)
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select p.private, p.key, p.meta, p.since, p.ref, x.name
  from realtime.presences as p
  left join realtime.proxies as x on x.id = p.proxy
  where p.topic = presence.topic
  order by p.private, p.key, p.since, p.ref
$$;

comment on function realtime.presence(text) is
  'Who is present in the public and in the private channel of this name: the payload of track() as
the text of a JSON object, since when, and the process that holds the connection.';

revoke all on function realtime.presence(text) from public;
grant execute on function realtime.presence(text) to service_role;
