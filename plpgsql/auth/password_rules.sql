create or replace function auth.password_rules()
  returns jsonb
  language plpgsql
  stable
  parallel safe
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'min_length', auth.setting('password_min_length'),
    'required_characters', auth.setting('password_required_characters'),
    'words', auth.setting('password_words'),
    'site_url', auth.setting('site_url')
  );
end;
$$;

comment on function auth.password_rules() is
  'The settings that say which passwords are taken: {"min_length", "required_characters",
"words", "site_url"}, of which alone a password must not be.';

revoke all on function auth.password_rules() from public;
grant execute on function auth.password_rules() to service_role;
