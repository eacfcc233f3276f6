create or replace function auth.register_user(
  email text,
  phone text,
  hash text,
  data jsonb default null,
  confirmed boolean default false
)
  returns uuid
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_user uuid;
begin
  v_user := auth.make_user(
    register_user.email, register_user.phone, register_user.hash,
    -- Which address is theirs, users cannot say.
    coalesce(register_user.data, '{}')
      || jsonb_strip_nulls(
        jsonb_build_object('email', lower(register_user.email), 'phone', register_user.phone)
      )
      || jsonb_build_object(
        'email_verified', register_user.confirmed and register_user.email is not null,
        'phone_verified', register_user.confirmed and register_user.phone is not null
      ),
    register_user.confirmed
  );
  update auth.users as u
  set raw_user_meta_data = u.raw_user_meta_data || jsonb_build_object('sub', u.id)
  where u.id = v_user;
  return v_user;
end;
$$;

comment on function auth.register_user(text, text, text, jsonb, boolean) is
  'auth.make_user for people who sign up themselves: user_metadata says also what is known of them
(sub, email or phone, email_verified, phone_verified), whatever they say of that. Returns the id;
null if another has the address or phone.';

revoke all on function auth.register_user(text, text, text, jsonb, boolean) from public;
grant execute on function auth.register_user(text, text, text, jsonb, boolean) to service_role;
