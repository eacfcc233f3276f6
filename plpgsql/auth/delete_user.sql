create or replace function auth.delete_user(id uuid, soft boolean default false)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform
  from auth.users as u
  where u.id = delete_user.id
  for update;
  if not found then
    return '{"error": "user_not_found"}'::jsonb;
  end if;

  perform auth.end_sessions(delete_user.id);
  perform audit.record(
    'user.deleted', delete_user.id::text, jsonb_build_object('soft', delete_user.soft)
  );

  if not coalesce(delete_user.soft, false) then
    delete from auth.users as u
    where u.id = delete_user.id;
    return '{}'::jsonb;
  end if;

  delete from auth.one_time_tokens as t
  where t.user_id = delete_user.id;
  delete from auth.flow_state as f
  where f.user_id = delete_user.id;
  delete from auth.mfa_factors as f
  where f.user_id = delete_user.id;
  delete from auth.webauthn_credentials as w
  where w.user_id = delete_user.id;
  delete from auth.mails as m
  where m.user_id = delete_user.id;
  -- Hashes with the id: who comes back is another user, and nobody reads who it was.
  update auth.identities as i
  set provider_id = encode(sha256(convert_to(i.user_id || i.provider_id, 'UTF8')), 'hex'),
      identity_data = '{}',
      updated_at = clock_timestamp()
  where i.user_id = delete_user.id;
  update auth.users as u
  set email = encode(sha256(convert_to(u.id || u.email, 'UTF8')), 'hex'),
      phone = null,
      encrypted_password = '',
      email_change = '',
      phone_change = '',
      confirmation_token = '',
      recovery_token = '',
      email_change_token_new = '',
      email_change_token_current = '',
      phone_change_token = '',
      reauthentication_token = '',
      raw_user_meta_data = '{}',
      raw_app_meta_data = '{}',
      deleted_at = coalesce(u.deleted_at, clock_timestamp()),
      updated_at = clock_timestamp()
  where u.id = delete_user.id
  and u.deleted_at is null;
  return '{}'::jsonb;
end;
$$;

comment on function auth.delete_user(uuid, boolean) is
  'Deletes a user, with sessions, identities and all that refers to the row and cascades. Soft keeps
the row, for what refers to it, and nothing of whom it was: the address is a hash, the number and
what they said of themselves are gone. Returns {}, or {"error": "user_not_found"}. Raises 23503 if a
row of the application refers to the user and does not cascade.';

revoke all on function auth.delete_user(uuid, boolean) from public;
grant execute on function auth.delete_user(uuid, boolean) to service_role;
