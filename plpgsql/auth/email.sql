-- See auth/uid.sql for why it is written in this way.
create or replace function auth.email()
  returns text
  language sql
  stable
  parallel safe
return coalesce(
  nullif(current_setting('request.jwt.claim.email', true), ''),
  nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'
);

comment on function auth.email() is
  'The e-mail address of the signed-in user: the claim email of the request''s token. Null when
there is no token or none in it.';

revoke all on function auth.email() from public;
grant execute on function auth.email() to public;
