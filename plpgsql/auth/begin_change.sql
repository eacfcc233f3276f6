create or replace function auth.begin_change(
  user_id uuid,
  provider text,
  address text,
  tickets jsonb
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_user auth.users;
begin
  select u.* into v_user
  from auth.users as u
  where u.id = begin_change.user_id
  for no key update;

  perform auth.end_one_time_tokens(v_user.id, array[begin_change.provider || '_change']);

  if begin_change.provider = 'phone' then
    update auth.users as u
    set phone_change = begin_change.address
    where u.id = v_user.id;
    perform auth.issue_one_time_token(
      v_user.id, 'phone_change', begin_change.address, begin_change.tickets -> 'new'
    );
    return auth.user_json(v_user.id);
  end if;

  update auth.users as u
  set email_change = begin_change.address,
      email_change_confirm_status = 0
  where u.id = v_user.id;
  -- Who can read the mail of the old address alone, or of the new one alone, changes nothing.
  if v_user.email_confirmed_at is not null
  and auth.setting('mailer_secure_email_change_enabled')::boolean then
    perform auth.mail_one_time_token(
      v_user.id, 'email_change_current', v_user.email, begin_change.tickets -> 'now',
      jsonb_build_object('new_email', begin_change.address, 'old_email', v_user.email)
    );
  end if;
  perform auth.mail_one_time_token(
    v_user.id, 'email_change_new', begin_change.address, begin_change.tickets -> 'new',
    jsonb_build_object('new_email', begin_change.address, 'old_email', coalesce(v_user.email, ''))
  );
  return null;
end;
$$;

comment on function auth.begin_change(uuid, text, text, jsonb) is
  'Has a user show that a new address (provider email) or number (phone) is theirs, in place of a
change that was under way. tickets are {"now", "new"} of auth.issue_one_time_token for the old
address and the new one; the old one is asked, too, if mailer_secure_email_change_enabled says so.
Returns the user to send the code to, for a number.';

revoke all on function auth.begin_change(uuid, text, text, jsonb) from public;
grant execute on function auth.begin_change(uuid, text, text, jsonb) to service_role;
