create or replace function auth.set_password(user_id uuid, hash text, keep uuid default null)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_user auth.users;
  v_ended integer;
begin
  update auth.users as u
  set encrypted_password = set_password.hash,
      password_changed_at = clock_timestamp(),
      updated_at = clock_timestamp()
  where u.id = set_password.user_id
  returning u.* into v_user;

  -- In one order, as everywhere.
  delete from auth.sessions as s
  where s.id in (
    select l.id
    from auth.sessions as l
    where l.user_id = set_password.user_id
    and l.id is distinct from set_password.keep
    order by l.id
    for update
  );
  get diagnostics v_ended = row_count;

  -- Links that somebody else may have asked for, who knew the old one. One who has no other
  -- address yet still waits for theirs.
  perform auth.end_one_time_tokens(
    v_user.id,
    array['signup', 'invite', 'magiclink', 'recovery', 'sms', 'phone_otp', 'reauthentication']
      || case when v_user.is_anonymous then '{}' else array['email_change', 'phone_change'] end
  );
  perform audit.record(
    'user.password_changed', v_user.id::text, jsonb_build_object('ended', v_ended)
  );
  if v_user.email_confirmed_at is not null then
    perform auth.queue_mail('password_changed_notification', v_user.id, v_user.email);
  end if;
  return v_ended;
end;
$$;

comment on function auth.set_password(uuid, text, uuid) is
  'Gives a user a password by its hash. All their sessions end but the one to keep, the links and
codes that were sent to them are void, and they are told by mail. Returns how many sessions ended.';

revoke all on function auth.set_password(uuid, text, uuid) from public;
grant execute on function auth.set_password(uuid, text, uuid) to service_role;
