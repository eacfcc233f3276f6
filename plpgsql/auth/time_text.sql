create or replace function auth.time_text(at timestamptz)
  returns text
  language sql
  stable
  parallel safe
return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

comment on function auth.time_text(timestamptz) is
  'A time as clients of auth read it (RFC 3339), in UTC whatever the session''s time zone is.';

revoke all on function auth.time_text(timestamptz) from public;
