create or replace function auth.update_user(id uuid, attributes jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_given constant jsonb := update_user.attributes;
  v_now constant timestamptz := clock_timestamp();
  v_email constant text := nullif(lower(v_given ->> 'email'), '');
  v_phone constant text := nullif(v_given ->> 'phone', '');
  v_role constant text := nullif(v_given ->> 'role', '');
  v_hash constant text := nullif(v_given ->> 'hash', '');
  v_user auth.users;
  v_new auth.users;
  v_constraint text;
begin
  select u.* into v_user
  from auth.users as u
  where u.id = update_user.id
  and u.deleted_at is null
  for no key update;
  if not found then
    return '{"error": "user_not_found"}'::jsonb;
  end if;
  if v_role is not null and not auth.is_role_of_users(v_role) then
    return '{"error": "validation_failed", "message": "The role is none of users"}'::jsonb;
  end if;

  begin
    update auth.users as u
    set email = coalesce(v_email, u.email),
        phone = coalesce(v_phone, u.phone),
        role = coalesce(v_role, u.role),
        encrypted_password = coalesce(v_hash, u.encrypted_password),
        password_changed_at = case when v_hash is null then u.password_changed_at else v_now end,
        email_confirmed_at = case
          when (v_given ->> 'email_confirm')::boolean and coalesce(v_email, u.email) is not null
            then coalesce(u.email_confirmed_at, v_now)
          else u.email_confirmed_at
        end,
        phone_confirmed_at = case
          when (v_given ->> 'phone_confirm')::boolean and coalesce(v_phone, u.phone) is not null
            then coalesce(u.phone_confirmed_at, v_now)
          else u.phone_confirmed_at
        end,
        -- What they wanted to have themselves is past.
        email_change = case when v_email is null then u.email_change else '' end,
        phone_change = case when v_phone is null then u.phone_change else '' end,
        banned_until = case
          when v_given ->> 'ban_duration' is null then u.banned_until
          else v_now + nullif(v_given ->> 'ban_duration', 'none')::interval
        end,
        raw_user_meta_data =
          auth.merge_metadata(u.raw_user_meta_data, v_given -> 'user_metadata'),
        raw_app_meta_data = auth.merge_metadata(u.raw_app_meta_data, v_given -> 'app_metadata'),
        is_anonymous = u.is_anonymous and v_email is null and v_phone is null,
        updated_at = v_now
    where u.id = v_user.id
    returning u.* into v_new;
  exception
    when unique_violation then
      get stacked diagnostics v_constraint = constraint_name;
      return jsonb_build_object(
        'error',
        case v_constraint when 'users_phone_idx' then 'phone_exists' else 'email_exists' end
      );
  end;

  if v_new.email is not null
  and (v_new.email, v_new.email_confirmed_at)
    is distinct from (v_user.email, v_user.email_confirmed_at) then
    perform auth.keep_identity(v_user.id, 'email');
  end if;
  if v_new.phone is not null
  and (v_new.phone, v_new.phone_confirmed_at)
    is distinct from (v_user.phone, v_user.phone_confirmed_at) then
    perform auth.keep_identity(v_user.id, 'phone');
  end if;

  -- Links and codes that went to what is theirs no more, or that get round what is new.
  if v_hash is not null or v_new.banned_until > v_now
  or (v_new.email, v_new.phone) is distinct from (v_user.email, v_user.phone) then
    delete from auth.one_time_tokens as t
    where t.user_id = v_user.id;
    delete from auth.flow_state as f
    where f.user_id = v_user.id;
  end if;
  if v_hash is not null or v_new.banned_until > v_now or v_new.role <> v_user.role then
    perform auth.end_sessions(v_user.id);
  end if;

  perform audit.record('user.updated', v_user.id::text, jsonb_strip_nulls(jsonb_build_object(
    'changed', (select jsonb_agg(k order by k) from jsonb_object_keys(v_given) as k),
    'role', v_role, 'banned_until', v_new.banned_until
  )));
  return auth.user_json(v_user.id);
end;
$$;

comment on function auth.update_user(uuid, jsonb) is
  'Changes a user. attributes are those of auth.create_user, up to role and ban_duration (none ends
a ban); what is left out stays, metadata is merged by name, and null takes a name away. A new
address or number is theirs at once and as confirmed as the one before. A ban, a new password and a
new role end all their sessions. Returns auth.user_json, or {"error"}: user_not_found,
validation_failed, email_exists, phone_exists. Raises as auth.create_user.';

revoke all on function auth.update_user(uuid, jsonb) from public;
grant execute on function auth.update_user(uuid, jsonb) to service_role;
