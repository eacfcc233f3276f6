create or replace function auth.verify(
  type text,
  hash text default null,
  address text default null,
  codes bytea[] default null,
  auth_code bytea default null,
  user_agent text default null,
  ip inet default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_token jsonb;
  v_user uuid;
  v_flow uuid;
  v_purpose text;
  v_session uuid;
begin
  if verify.type is null or verify.type not in (
    'signup', 'invite', 'magiclink', 'recovery', 'email', 'email_change', 'sms', 'phone_change'
  ) then
    return
      '{"error": "validation_failed", "message": "Verify requires a verification type"}'::jsonb;
  end if;

  v_token := auth.take_one_time_token(
    verify.type, verify.hash, verify.address, verify.codes, verify.auth_code is not null
  );
  if v_token ? 'error' then
    return v_token;
  end if;
  if verify.hash is null then
    perform auth.clear_attempts(verify.address, verify.ip, 'code');
  end if;
  v_user := (v_token ->> 'user_id')::uuid;
  v_flow := (v_token ->> 'flow_id')::uuid;
  v_purpose := v_token ->> 'purpose';

  if exists (
    select
    from auth.users as u
    where u.id = v_user
    and u.banned_until > clock_timestamp()
  ) then
    return '{"error": "user_banned"}'::jsonb;
  end if;

  if v_purpose not in ('email_change', 'phone_change') then
    perform auth.confirm_address(v_user, v_purpose);
  -- The other address has to agree, too.
  elsif exists (
    select
    from auth.one_time_tokens as t
    where t.user_id = v_user
    and t.purpose = v_purpose
    and t.used_at is null
    and t.superseded_at is null
  ) then
    update auth.users as u
    set email_change_confirm_status = 1
    where u.id = v_user;
    return jsonb_build_object('half', true, 'flow', v_flow);
  -- Of a link that is opened again it is done already.
  elsif not (v_token ->> 'again')::boolean and not coalesce((
    select auth.change_address(
      u.id, replace(v_purpose, '_change', ''),
      nullif(case v_purpose when 'email_change' then u.email_change else u.phone_change end, ''),
      (v_token ->> 'id')::uuid
    )
    from auth.users as u
    where u.id = v_user
  ), false) then
    return jsonb_build_object('error', replace(v_purpose, '_change', '_exists'));
  end if;

  if verify.auth_code is not null and v_flow is not null then
    update auth.flow_state as f
    set user_id = v_user,
        code_hash = verify.auth_code,
        auth_code_issued_at = clock_timestamp(),
        expires_at = clock_timestamp() + interval '5 minutes',
        updated_at = clock_timestamp()
    where f.id = v_flow;
    return jsonb_build_object('flow', v_flow, 'purpose', v_purpose);
  end if;

  -- The link was typed in elsewhere, so the flow needs no end of its own.
  update auth.flow_state as f
  set used_at = clock_timestamp()
  where f.id = v_flow;
  v_session := auth.open_session(
    v_user,
    case when v_purpose in ('recovery', 'invite', 'email_change') then v_purpose else 'otp' end,
    verify.user_agent, verify.ip
  );
  return coalesce(
    auth.grant_of(v_session) || jsonb_build_object('purpose', v_purpose),
    '{"error": "otp_expired", "message": "Token has expired or is invalid"}'
  );
end;
$$;

comment on function auth.verify(text, text, text, bytea[], bytea, text, inet) is
  'Takes a link by its hash, or a code by its address (auth.take_one_time_token), does what it is
for, and signs the user in. A link of a PKCE flow, with auth_code, the SHA-256 of a code, signs
nobody in: who began the flow does that with the code, within 5 minutes (auth.exchange_code).
Returns auth.grant_of with "purpose"; {"flow", "purpose"} of a PKCE flow; {"half": true, "flow"}
when the other address has to agree to the change, too; or {"error"}: otp_expired, user_banned,
email_exists, phone_exists, validation_failed. Of a code, auth.begin_attempt of kind code goes
before it.';

revoke all on function auth.verify(text, text, text, bytea[], bytea, text, inet) from public;
grant execute on function auth.verify(text, text, text, bytea[], bytea, text, inet) to service_role;
