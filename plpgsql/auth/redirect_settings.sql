create or replace function auth.redirect_settings()
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'site_url', auth.setting('site_url'),
    'uri_allow_list', auth.setting('uri_allow_list'),
    'verify_page', auth.setting('verify_page'),
    'mailer_autoconfirm', auth.setting('mailer_autoconfirm')
  );
$$;

comment on function auth.redirect_settings() is
  'What flows by mail need to know: the settings site_url, uri_allow_list, verify_page and
mailer_autoconfirm.';

revoke all on function auth.redirect_settings() from public;
grant execute on function auth.redirect_settings() to service_role;
