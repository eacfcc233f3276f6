create or replace function auth.resend(type text, address text, tickets jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_by constant text := case
    when resend.type in ('signup', 'email_change') then 'email'
    when resend.type in ('sms', 'phone_change') then 'phone'
  end;
  v_refused jsonb;
  v_user auth.users;
  v_change jsonb;
begin
  if v_by is null then
    return '{"error": "validation_failed",
      "message": "Missing one of these types: signup, email_change, sms, phone_change"}'::jsonb;
  end if;
  if not auth.setting(v_by || '_enabled')::boolean then
    return jsonb_build_object('error', v_by || '_provider_disabled');
  end if;
  if resend.type like '%\_change' then
    -- Who changes an address holds the user, and waits for a turn.
    perform
    from auth.users as u
    where u.id = (auth.pending_change(resend.type, resend.address) ->> 'id')::uuid
    for no key update;
  end if;
  v_refused := auth.take_turn(case v_by when 'email' then 'mail' else 'sms' end, resend.address);
  if v_refused is not null then
    return v_refused;
  end if;

  if resend.type like '%\_change' then
    v_change := auth.pending_change(resend.type, resend.address);
    if v_change is null then
      return '{}'::jsonb;
    end if;
    return jsonb_build_object('sms', auth.begin_change(
      (v_change ->> 'id')::uuid, v_by, v_change ->> 'new', resend.tickets
    ));
  end if;

  select u.* into v_user
  from auth.users as u
  where not u.is_sso_user
  and u.deleted_at is null
  and case v_by
    when 'email' then u.email = resend.address and u.email_confirmed_at is null
    else u.phone = resend.address and u.phone_confirmed_at is null
  end;
  if not found then
    return '{}'::jsonb;
  end if;
  if v_by = 'email' then
    perform auth.mail_one_time_token(v_user.id, 'signup', resend.address, resend.tickets -> 'new');
    return '{}'::jsonb;
  end if;
  perform auth.issue_one_time_token(v_user.id, 'sms', resend.address, resend.tickets -> 'new');
  return jsonb_build_object('sms', auth.user_json(v_user.id));
end;
$$;

comment on function auth.resend(text, text, jsonb) is
  'Sends once more what somebody waits for at an address or number: what confirms it after a
sign-up (type signup or sms), or a change of it that is under way (email_change, phone_change,
with the old address or the new). tickets are {"now", "new"} of auth.issue_one_time_token. What
was sent before is void. Returns {}, also where nobody waits for anything; {"sms": the user to
send the code to}; or {"error"}: validation_failed, email_provider_disabled,
phone_provider_disabled, over_email_send_rate_limit, over_sms_send_rate_limit.';

revoke all on function auth.resend(text, text, jsonb) from public;
grant execute on function auth.resend(text, text, jsonb) to service_role;
