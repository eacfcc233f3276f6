create or replace function auth.end_one_time_tokens(
  user_id uuid,
  purposes text[] default null,
  keep uuid default null
)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ended integer;
begin
  perform
  from auth.users as u
  where u.id = end_one_time_tokens.user_id
  for no key update;

  update auth.one_time_tokens as t
  set superseded_at = clock_timestamp(),
      updated_at = clock_timestamp() at time zone 'UTC'
  where t.user_id = end_one_time_tokens.user_id
  and (end_one_time_tokens.purposes is null or t.purpose = any (end_one_time_tokens.purposes))
  and t.id is distinct from end_one_time_tokens.keep
  and t.superseded_at is null
  and (t.used_at is null or t.flow_id is not null);
  get diagnostics v_ended = row_count;
  return v_ended;
end;
$$;

comment on function auth.end_one_time_tokens(uuid, text[], uuid) is
  'Makes links and codes void that a user was sent: all, or those for some purposes, as when the
address or the password has changed; but for the one to keep. Returns how many.';

revoke all on function auth.end_one_time_tokens(uuid, text[], uuid) from public;
grant execute on function auth.end_one_time_tokens(uuid, text[], uuid) to service_role;
