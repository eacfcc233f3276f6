create or replace function auth.find_account(email text, phone text)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_build_object('id', u.id, 'hash', coalesce(u.encrypted_password, ''))
    from auth.users as u
    where u.deleted_at is null
    and not u.is_sso_user
    and case
      when find_account.email is not null then u.email = lower(find_account.email)
      else u.phone = find_account.phone
    end
  );
end;
$$;

comment on function auth.find_account(text, text) is
  'The user of an address, or else of a phone: {"id", "hash" of the password, empty without one}.
Null if there is none.';

revoke all on function auth.find_account(text, text) from public;
grant execute on function auth.find_account(text, text) to service_role;
