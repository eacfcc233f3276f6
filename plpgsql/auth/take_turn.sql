create or replace function auth.take_turn(kind text, key text)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_pause constant integer := auth.setting(
    case take_turn.kind when 'mail' then 'smtp_max_frequency' else 'sms_max_frequency' end
  )::integer;
  v_key constant text := encode(
    sha256(convert_to(auth.require_value(take_turn.key, 'key'), 'UTF8')), 'hex'
  );
  v_seconds integer;
begin
  if v_pause = 0 then
    return null;
  end if;

  -- Of many at once one inserts or updates; the others wait for it and find it blocked.
  insert into auth.attempts as a (kind, key, failures, last_failed_at, blocked_until)
  values (
    auth.require_value(take_turn.kind, 'kind'), v_key, 1, clock_timestamp(),
    clock_timestamp() + make_interval(secs => v_pause)
  )
  on conflict on constraint attempts_pkey do update
  set failures = a.failures + 1,
      last_failed_at = clock_timestamp(),
      blocked_until = clock_timestamp() + make_interval(secs => v_pause)
  where a.blocked_until <= clock_timestamp();

  if found then
    return null;
  end if;

  select greatest(ceil(extract(epoch from a.blocked_until - clock_timestamp())), 1)
  into v_seconds
  from auth.attempts as a
  where a.kind = take_turn.kind
  and a.key = v_key;

  return jsonb_build_object(
    'error', case take_turn.kind
      when 'sms' then 'over_sms_send_rate_limit'
      else 'over_email_send_rate_limit'
    end,
    'message', format(
      'For security purposes, you can only request this after %s seconds.', coalesce(v_seconds, 1)
    ),
    'retry_after', coalesce(v_seconds, 1)
  );
end;
$$;

comment on function auth.take_turn(text, text) is
  'Asks whether a mail (kind mail) or a message (kind sms) may go out for somebody: an address or a
number, whether or not a user has it, or the id of a user. Returns null, and then no other for as
many seconds as smtp_max_frequency or sms_max_frequency says; or {"error", "message",
"retry_after"}: over_email_send_rate_limit, over_sms_send_rate_limit. Of many at once one is told
null.';

revoke all on function auth.take_turn(text, text) from public;
grant execute on function auth.take_turn(text, text) to service_role;
