create or replace function auth.request_recovery(email text, ticket jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_address constant text := lower(request_recovery.email);
  v_refused jsonb;
  v_user uuid;
begin
  if not auth.setting('email_enabled')::boolean then
    return '{"error": "email_provider_disabled"}'::jsonb;
  end if;
  v_refused := auth.take_turn('mail', v_address);
  if v_refused is not null then
    return v_refused;
  end if;

  select u.id into v_user
  from auth.users as u
  where not u.is_sso_user
  and u.deleted_at is null
  and u.email = v_address;

  if found then
    perform auth.mail_one_time_token(v_user, 'recovery', v_address, request_recovery.ticket);
  end if;
  return '{}'::jsonb;
end;
$$;

comment on function auth.request_recovery(text, jsonb) is
  'Sends who has an address a link and a code by which they can sign in and set a new password.
ticket is that of auth.issue_one_time_token. Returns {}, also if nobody has it; or {"error"}:
email_provider_disabled, over_email_send_rate_limit, of each address alike.';

revoke all on function auth.request_recovery(text, jsonb) from public;
grant execute on function auth.request_recovery(text, jsonb) to service_role;
