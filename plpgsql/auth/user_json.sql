create or replace function auth.user_json(id uuid)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select
      -- What they wrote themselves keeps its nulls.
      jsonb_strip_nulls(jsonb_build_object(
        'email_confirmed_at', auth.time_text(u.email_confirmed_at),
        'invited_at', auth.time_text(u.invited_at),
        'phone_confirmed_at', auth.time_text(u.phone_confirmed_at),
        'confirmation_sent_at', auth.time_text(u.confirmation_sent_at),
        'confirmed_at', auth.time_text(u.confirmed_at),
        'recovery_sent_at', auth.time_text(u.recovery_sent_at),
        'new_email', nullif(u.email_change, ''),
        'email_change_sent_at', auth.time_text(u.email_change_sent_at),
        'new_phone', nullif(u.phone_change, ''),
        'phone_change_sent_at', auth.time_text(u.phone_change_sent_at),
        'reauthentication_sent_at', auth.time_text(u.reauthentication_sent_at),
        'last_sign_in_at', auth.time_text(u.last_sign_in_at),
        'banned_until', auth.time_text(u.banned_until),
        'deleted_at', auth.time_text(u.deleted_at),
        'factors', auth.factors_json(u.id)
      ))
      || jsonb_build_object(
        'id', u.id,
        'aud', coalesce(u.aud, ''),
        'role', coalesce(u.role, ''),
        'email', coalesce(u.email, ''),
        'phone', coalesce(u.phone, ''),
        'app_metadata', coalesce(u.raw_app_meta_data, '{}'),
        'user_metadata', coalesce(u.raw_user_meta_data, '{}'),
        'identities', auth.identities_json(u.id),
        'created_at', auth.time_text(u.created_at),
        'updated_at', auth.time_text(u.updated_at),
        'is_anonymous', u.is_anonymous
      )
    from auth.users as u
    where u.id = user_json.id
  );
end;
$$;

comment on function auth.user_json(uuid) is
  'A user as clients of auth know it: address and phone are never null, what is null else is left
out, no hash and no token is in it. Null for an id that no user has.';

revoke all on function auth.user_json(uuid) from public;
grant execute on function auth.user_json(uuid) to service_role;
