-- See auth/uid.sql for why it is written in this way.
create or replace function auth.aal()
  returns text
  language sql
  stable
  parallel safe
return (
  coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')
  )::jsonb ->> 'aal'
);

comment on function auth.aal() is
  'How surely the user of the request''s token is known: aal1 by one factor, aal2 by two. Null when
there is no token or nothing of it in it. In a restrictive policy write (select auth.aal()) =
''aal2''.';

revoke all on function auth.aal() from public;
grant execute on function auth.aal() to public;
