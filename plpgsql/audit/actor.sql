create or replace function audit.actor()
  returns text
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(
      'user:' || nullif(c.claims ->> 'sub', ''),
      'key:' || nullif(c.claims ->> 'service_key', ''),
      'role:' || nullif(c.claims ->> 'role', ''),
      'login:' || session_user
    )
    from (
      select nullif(current_setting('request.jwt.claims', true), '')::jsonb as claims
    ) as c
  );
end;
$$;

comment on function audit.actor() is
  'Who is at work, as audit.events tells it: user:SUBJECT, key:ID or role:ROLE of a request,
login:NAME of a session without one.';

revoke all on function audit.actor() from public;
