create or replace function auth.run_hook(name text, payload jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_uri constant text := auth.setting('hook_' || run_hook.name || '_uri') #>> '{}';
  v_payload jsonb;
  v_hook oid;
  v_answer jsonb;
begin
  if v_uri is null then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('auth has no hook "%s"', run_hook.name);
  end if;
  if v_uri = '' then
    return null;
  end if;

  v_payload := run_hook.payload || jsonb_build_object('metadata', jsonb_strip_nulls(
    jsonb_build_object(
      'uuid', gen_random_uuid(),
      'time', clock_timestamp(),
      'name', case run_hook.name
        when 'custom_access_token' then 'customize-access-token'
        when 'mfa_verification_attempt' then 'mfa-verification'
        when 'password_verification_attempt' then 'password-verification'
        else replace(run_hook.name, '_', '-')
      end,
      'ip_address', nullif(current_setting('request.address', true), '')
    )
  ));

  if v_uri not like 'pg-functions:%' then
    return jsonb_build_object('http', jsonb_build_object(
      'name', run_hook.name,
      'uri', v_uri,
      'payload', v_payload,
      'secrets', (
        select coalesce(
          jsonb_agg(
            jsonb_build_object('id', s.id, 'sealed', s.sealed)
            order by s.created_at desc
          ),
          '[]'
        )
        from auth.hook_secrets as s
        where s.hook = run_hook.name
      )
    ));
  end if;

  begin
    v_hook := auth.find_hook(v_uri);
    if v_hook is null then
      raise exception using
        errcode = 'undefined_function',
        message = format('%s names no function of one jsonb that returns one', v_uri),
        hint = 'Grant usage on its schema and execute on it to supabase_auth_admin.';
    end if;
    v_answer := auth_hooks.call(v_hook, v_payload);
    if jsonb_typeof(v_answer) is distinct from 'object' then
      raise exception using
        errcode = 'invalid_parameter_value',
        message = format('%s returned no object', v_uri);
    end if;
    return v_answer;
  exception
    when query_canceled then
      -- Only the timeout is the hook's; who gave up wants no answer.
      if current_setting('statement_timeout')::interval = interval '0'
      or clock_timestamp() < statement_timestamp() + current_setting('statement_timeout')::interval
      then
        raise;
      end if;
      return jsonb_build_object('error', jsonb_build_object(
        'code', 'hook_timeout', 'http_code', 422, 'message', 'The hook took too long'
      ));
    when others then
      -- What it says may be of the inside, and is for the log of the database.
      raise log 'hook % of auth failed: % (%)', run_hook.name, sqlerrm, sqlstate;
      return jsonb_build_object('error', jsonb_build_object(
        'http_code', 500, 'message', 'Error running hook ' || run_hook.name
      ));
  end;
end;
$$;

comment on function auth.run_hook(text, jsonb) is
  'Calls a hook (before_user_created, send_email, send_sms, custom_access_token,
mfa_verification_attempt, password_verification_attempt, captcha_verification), which the setting
hook_NAME_uri names, as supabase_auth_admin. Returns what it answers; {"error": {"http_code",
"message"}} also if it fails, with code hook_timeout if the statement''s time is over; {"http": ...}
if it is one over HTTP, which the process has to call; null if there is none. What a hook that
failed has written is undone. Raises 22023 for another name.';

revoke all on function auth.run_hook(text, jsonb) from public;
grant execute on function auth.run_hook(text, jsonb) to service_role;
