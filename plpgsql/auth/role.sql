-- See auth/uid.sql for why it is written in this way.
create or replace function auth.role()
  returns text
  language sql
  stable
  parallel safe
return coalesce(
  nullif(current_setting('request.jwt.claim.role', true), ''),
  nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
);

comment on function auth.role() is
  'The role of the request''s token: its claim role. Null when there is no token.';

revoke all on function auth.role() from public;
grant execute on function auth.role() to public;
