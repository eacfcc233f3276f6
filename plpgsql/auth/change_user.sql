create or replace function auth.change_user(session_id uuid, user_id uuid, changes jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_user auth.users;
  v_since timestamptz;
  v_change record;
  v_new jsonb := jsonb_build_object();
  v_sms jsonb;
  v_error jsonb;
  v_ended integer := 0;
begin
  select u.* into v_user
  from auth.users as u
  where u.id = change_user.user_id
  for no key update;

  select s.created_at into v_since
  from auth.sessions as s
  where s.id = change_user.session_id
  and s.user_id = v_user.id;
  if not found then
    return auth.user_of_session(change_user.session_id, change_user.user_id);
  end if;
  if v_user.banned_until > clock_timestamp() then
    return '{"error": "user_banned"}'::jsonb;
  end if;
  if v_user.is_sso_user and change_user.changes ?| array['hash', 'email', 'phone'] then
    return '{"error": "user_sso_managed"}'::jsonb;
  end if;
  if change_user.changes ?| array['hash', 'email', 'phone'] then
    v_error := auth.require_aal(change_user.session_id, 'mfa_require_aal2_for_user_changes');
    if v_error is not null then
      return v_error;
    end if;
  end if;

  for v_change in
    select w.what, w.turn, w.now, change_user.changes ->> w.what as new,
      auth.setting(w.who || '_autoconfirm')::boolean as at_once
    from (
      values
        ('email', 'mailer', 'mail', v_user.email),
        ('phone', 'phone', 'sms', v_user.phone)
    ) as w (what, who, turn, now)
    where change_user.changes ->> w.what is distinct from w.now
    and change_user.changes ? w.what
  loop
    if not auth.setting(v_change.what || '_enabled')::boolean then
      return jsonb_build_object('error', v_change.what || '_provider_disabled');
    end if;
    if not v_change.at_once then
      v_error := coalesce(
        auth.take_turn(v_change.turn, v_change.what || ' of ' || v_user.id::text),
        auth.take_turn(v_change.turn, v_change.new)
      );
      if v_error is not null then
        return v_error;
      end if;
    end if;
    if exists (
      select
      from auth.users as o
      where case v_change.what
        when 'email' then o.email = v_change.new and not o.is_sso_user
        else o.phone = v_change.new
      end
    ) then
      return jsonb_build_object('error', v_change.what || '_exists');
    end if;
    v_new := v_new || jsonb_build_object(
      v_change.what, jsonb_build_object('to', v_change.new, 'at_once', v_change.at_once)
    );
  end loop;

  if change_user.changes ? 'hash' then
    if v_user.is_anonymous and v_user.email_change = '' and v_user.phone_change = ''
    and v_new = '{}' then
      return '{"error": "validation_failed", "message":
        "Updating password of an anonymous user without an email or phone is not allowed"}'::jsonb;
    end if;
    -- What the process compared the new one with.
    if coalesce(v_user.encrypted_password, '')
    is distinct from change_user.changes ->> 'hash_was' then
      return '{"error": "conflict"}'::jsonb;
    end if;
    if auth.setting('security_update_password_require_reauthentication')::boolean
    and v_since < clock_timestamp() - interval '1 day' then
      if not change_user.changes ? 'nonces' then
        return '{"error": "reauthentication_needed"}'::jsonb;
      end if;
      if auth.take_one_time_token(
        'reauthentication', address => v_user.id::text,
        codes => array(
          select decode(n.hex, 'hex')
          from jsonb_array_elements_text(change_user.changes -> 'nonces') as n (hex)
        )
      ) ? 'error' then
        return '{"error": "reauthentication_not_valid"}'::jsonb;
      end if;
    end if;
  end if;

  for v_change in
    select n.key as what, n.value ->> 'to' as new
    from jsonb_each(v_new) as n
    where (n.value ->> 'at_once')::boolean
  loop
    if not auth.change_address(v_user.id, v_change.what, v_change.new) then
      return jsonb_build_object('error', v_change.what || '_exists');
    end if;
  end loop;

  if change_user.changes ? 'hash' then
    v_ended := auth.set_password(
      v_user.id, change_user.changes ->> 'hash', change_user.session_id
    );
    perform auth.clear_attempts(
      v_user.id::text, (change_user.changes ->> 'ip')::inet, 'change'
    );
  end if;

  if jsonb_typeof(change_user.changes -> 'data') = 'object' then
    update auth.users as u
    set raw_user_meta_data = (u.raw_user_meta_data || d.said) - d.gone,
        updated_at = clock_timestamp()
    from (
      select
        coalesce(jsonb_object_agg(e.key, e.value) filter (where e.value <> 'null'), '{}') as said,
        coalesce(array_agg(e.key) filter (where e.value = 'null'), '{}') as gone
      from jsonb_each(change_user.changes -> 'data') as e
      -- What is known of them, they cannot say.
      where e.key not in ('sub', 'email', 'email_verified', 'phone', 'phone_verified')
    ) as d
    where u.id = v_user.id;
  end if;

  -- After the password, which makes void what was sent.
  for v_change in
    select n.key as what, n.value ->> 'to' as new,
      case n.key
        when 'email' then change_user.changes -> 'tickets'
        else jsonb_build_object('new', change_user.changes -> 'tickets' -> 'phone')
      end as tickets
    from jsonb_each(v_new) as n
    where not (n.value ->> 'at_once')::boolean
  loop
    v_sms := coalesce(
      auth.begin_change(v_user.id, v_change.what, v_change.new, v_change.tickets), v_sms
    );
  end loop;

  return jsonb_build_object('user', auth.user_json(v_user.id), 'sms', v_sms, 'ended', v_ended);
end;
$$;

comment on function auth.change_user(uuid, uuid, jsonb) is
  'Changes what the user of a session may change of themselves: {"data": what they say of
themselves, by name, null takes a name away; "email", "phone": new ones, which have to be
confirmed by what "tickets" ({"now", "new", "phone"}, auth.begin_change) brings; "hash" of a new
password, "hash_was" of the old one, "ip" for auth.clear_attempts (kind change), "nonces": what
the code of auth.request_reauthentication may be hashed to}. Nothing else of a user is theirs to
change: other names are not looked at. Returns {"user", "sms": null or the user to send the code
to, "ended": how many other sessions}; or {"error"}: session_not_found, user_not_found,
user_banned, user_sso_managed, email_exists, phone_exists, email_provider_disabled,
phone_provider_disabled, validation_failed, conflict if the password was changed meanwhile,
reauthentication_needed, reauthentication_not_valid, over_email_send_rate_limit,
over_sms_send_rate_limit, and those of auth.require_aal for all but data.';

revoke all on function auth.change_user(uuid, uuid, jsonb) from public;
grant execute on function auth.change_user(uuid, uuid, jsonb) to service_role;
