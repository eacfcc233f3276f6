-- See auth/uid.sql for why it is written in this way.
create or replace function auth.jwt()
  returns jsonb
  language sql
  stable
  parallel safe
return coalesce(
  nullif(current_setting('request.jwt.claim', true), ''),
  nullif(current_setting('request.jwt.claims', true), '')
)::jsonb;

comment on function auth.jwt() is
  'All claims of the request''s token. Null when there is no token.';

revoke all on function auth.jwt() from public;
grant execute on function auth.jwt() to public;
