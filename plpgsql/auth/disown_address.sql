create or replace function auth.disown_address(user_id uuid)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_kept boolean;
begin
  -- Oldest id first, as all who delete several.
  delete from auth.sessions as s
  where s.id in (
    select l.id
    from auth.sessions as l
    where l.user_id = disown_address.user_id
    order by l.id
    for update
  );
  delete from auth.identities as i
  where i.user_id = disown_address.user_id
  and i.provider = 'email';
  delete from auth.one_time_tokens as t
  where t.user_id = disown_address.user_id;
  delete from auth.flow_state as f
  where f.user_id = disown_address.user_id;

  -- Who has shown to be somebody else's phone or account keeps the user, without the address.
  select
    u.phone_confirmed_at is not null
    or exists (
      select
      from auth.identities as i
      where i.user_id = u.id
    )
  into v_kept
  from auth.users as u
  where u.id = disown_address.user_id;

  if not v_kept then
    delete from auth.mfa_factors as m
    where m.user_id = disown_address.user_id;
    delete from auth.webauthn_credentials as w
    where w.user_id = disown_address.user_id;
  end if;

  update auth.users as u
  set email = case when v_kept then null else u.email end,
      email_confirmed_at = null,
      email_change = '',
      encrypted_password = null,
      password_changed_at = null,
      phone = case when v_kept then u.phone end,
      raw_user_meta_data = case when v_kept then u.raw_user_meta_data else '{}' end,
      updated_at = clock_timestamp()
  where u.id = disown_address.user_id;
  perform auth.note_providers(disown_address.user_id);
  perform audit.record(
    'user.address_disowned', disown_address.user_id::text, jsonb_build_object('kept', v_kept)
  );
  return not v_kept;
end;
$$;

comment on function auth.disown_address(uuid) is
  'For when somebody shows that an address is theirs which another has signed up with and never
shown so: whoever that was is signed out and loses password, links and codes. One who signs in by
a phone or an account elsewhere keeps the user, without the address; returns false. Else nothing of
theirs is left at the user, which is free for the owner of the address; returns true.';

revoke all on function auth.disown_address(uuid) from public;
