-- Policies call this once a row unless it is inlined, which a "set" clause would
-- prevent. The body is bound to its names when it is created, so that the caller's
-- search_path cannot change what it means. The first setting is the older form, one
-- for each claim; a setting that was ever set reads as '' afterwards, never as null.
create or replace function auth.uid()
  returns uuid
  language sql
  stable
  parallel safe
return coalesce(
  nullif(current_setting('request.jwt.claim.sub', true), ''),
  nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
)::uuid;

comment on function auth.uid() is
  'The id of the signed-in user: the claim sub of the request''s token. Null when there is no
token. Raises 22P02 when sub is not a uuid. In a policy write (select auth.uid()) = user_id.';

revoke all on function auth.uid() from public;
grant execute on function auth.uid() to public;
