-- See auth/uid.sql for why it is written in this way.
create or replace function realtime.topic()
  returns text
  language sql
  stable
  parallel safe
return nullif(current_setting('realtime.topic', true), '');

comment on function realtime.topic() is
  'The name of the channel that is being joined or sent to, for policies on realtime.messages.
Null elsewhere.';

revoke all on function realtime.topic() from public;
grant execute on function realtime.topic() to anon, authenticated, service_role;
