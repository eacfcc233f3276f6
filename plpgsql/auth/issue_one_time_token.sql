create or replace function auth.issue_one_time_token(
  user_id uuid,
  purpose text,
  address text,
  ticket jsonb
)
  returns uuid
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_type constant auth.one_time_token_type := (case issue_one_time_token.purpose
    when 'signup' then 'confirmation_token'
    when 'invite' then 'confirmation_token'
    when 'sms' then 'confirmation_token'
    when 'phone_otp' then 'confirmation_token'
    when 'magiclink' then 'recovery_token'
    when 'recovery' then 'recovery_token'
    when 'email_change_new' then 'email_change_token_new'
    when 'email_change_current' then 'email_change_token_current'
    when 'phone_change' then 'phone_change_token'
    when 'reauthentication' then 'reauthentication_token'
  end)::auth.one_time_token_type;
  v_purpose constant text := case
    when issue_one_time_token.purpose like 'email\_change\_%' then 'email_change'
    else issue_one_time_token.purpose
  end;
  v_by_phone constant boolean := v_purpose in ('sms', 'phone_otp', 'phone_change');
  v_lifetime constant integer := auth.setting(
    case when v_by_phone then 'sms_otp_exp' else 'mailer_otp_exp' end
  )::integer;
  v_flow uuid;
  v_token uuid;
begin
  if v_type is null then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('no one-time token is for "%s"', issue_one_time_token.purpose);
  end if;

  -- The row of the user is the lock of all their tokens.
  update auth.users as u
  set confirmation_sent_at =
        case v_type when 'confirmation_token' then v_now else u.confirmation_sent_at end,
      invited_at = case v_purpose when 'invite' then v_now else u.invited_at end,
      recovery_sent_at = case v_type when 'recovery_token' then v_now else u.recovery_sent_at end,
      email_change_sent_at =
        case v_purpose when 'email_change' then v_now else u.email_change_sent_at end,
      phone_change_sent_at =
        case v_purpose when 'phone_change' then v_now else u.phone_change_sent_at end,
      reauthentication_sent_at =
        case v_purpose when 'reauthentication' then v_now else u.reauthentication_sent_at end
  where u.id = issue_one_time_token.user_id;

  update auth.one_time_tokens as t
  set superseded_at = v_now,
      updated_at = v_now at time zone 'UTC'
  where t.user_id = issue_one_time_token.user_id
  and t.token_type = v_type
  and t.purpose is not distinct from v_purpose
  and (t.used_at is null or t.flow_id is not null)
  and t.superseded_at is null;

  if issue_one_time_token.ticket ->> 'challenge' is not null then
    insert into auth.flow_state as f (
      user_id, code_challenge_method, code_challenge, provider_type, authentication_method
    )
    values (
      issue_one_time_token.user_id,
      (issue_one_time_token.ticket ->> 'challenge_method')::auth.code_challenge_method,
      issue_one_time_token.ticket ->> 'challenge',
      case when v_by_phone then 'phone' else 'email' end,
      case v_purpose when 'signup' then 'email/signup' else v_purpose end
    )
    returning f.id into v_flow;
  end if;

  insert into auth.one_time_tokens as t (
    user_id, token_type, token_hash, relates_to, created_at, updated_at, purpose, code_hash,
    redirect_to, flow_id, expires_at
  )
  values (
    auth.require_value(issue_one_time_token.user_id, 'user_id'),
    v_type,
    auth.require_value(issue_one_time_token.ticket ->> 'hash', 'hash of the link'),
    auth.require_value(issue_one_time_token.address, 'address'),
    v_now at time zone 'UTC', v_now at time zone 'UTC', v_purpose,
    decode(issue_one_time_token.ticket ->> 'code', 'hex'),
    issue_one_time_token.ticket ->> 'redirect_to', v_flow,
    v_now + make_interval(secs => v_lifetime)
  )
  returning t.id into v_token;
  return v_token;
end;
$$;

comment on function auth.issue_one_time_token(uuid, text, text, jsonb) is
  'Keeps a link and a code for a user, in place of those that were there for the same purpose:
signup, invite, magiclink, recovery, email_change_new, email_change_current, phone_change, sms,
phone_otp (sms, where another may have signed up with the number) or reauthentication. address is
where they go; for reauthentication the id of the user. ticket is what a process made: {"hash":
SHA-256 of the link in hexadecimal, "code": HMAC of the code, "redirect_to", and of a PKCE flow
"challenge" and "challenge_method"}. They are good for mailer_otp_exp or sms_otp_exp seconds.
Returns an id. Raises 22023 for another purpose, 23503 without such a user.';

revoke all on function auth.issue_one_time_token(uuid, text, text, jsonb) from public;
grant execute on function auth.issue_one_time_token(uuid, text, text, jsonb) to service_role;
