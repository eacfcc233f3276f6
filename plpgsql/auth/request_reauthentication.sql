create or replace function auth.request_reauthentication(
  session_id uuid,
  user_id uuid,
  ticket jsonb
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_who constant jsonb := auth.user_of_session(
    request_reauthentication.session_id, request_reauthentication.user_id
  );
  v_by text;
  v_refused jsonb;
begin
  if v_who ? 'error' then
    return v_who;
  end if;
  v_by := case
    when v_who ? 'email_confirmed_at' then 'email'
    when v_who ? 'phone_confirmed_at' then 'phone'
  end;
  if v_by is null then
    return '{"error": "validation_failed",
      "message": "Reauthentication requires the user to have an email or a phone number"}'::jsonb;
  end if;
  v_refused := auth.take_turn(
    case v_by when 'email' then 'mail' else 'sms' end,
    'reauthentication ' || request_reauthentication.user_id::text
  );
  if v_refused is not null then
    return v_refused;
  end if;

  if v_by = 'email' then
    perform auth.mail_one_time_token(
      request_reauthentication.user_id, 'reauthentication', v_who ->> 'email',
      request_reauthentication.ticket
    );
    return '{}'::jsonb;
  end if;
  perform auth.issue_one_time_token(
    request_reauthentication.user_id, 'reauthentication',
    request_reauthentication.user_id::text, request_reauthentication.ticket
  );
  return jsonb_build_object('sms', v_who);
end;
$$;

comment on function auth.request_reauthentication(uuid, uuid, jsonb) is
  'Sends the user of a session a code by which they show again who they are, as a change of the
password may need: to their address, or else their number. ticket is that of
auth.issue_one_time_token, for the id of the user. Returns {}, or {"sms": the user to send the code
to}; or {"error"}: session_not_found, user_not_found, validation_failed for who has neither,
over_email_send_rate_limit, over_sms_send_rate_limit.';

revoke all on function auth.request_reauthentication(uuid, uuid, jsonb) from public;
grant execute on function auth.request_reauthentication(uuid, uuid, jsonb) to service_role;
