create or replace function auth.announce_user(about jsonb)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ran jsonb;
begin
  -- The process sets it when it comes again, with the hook's consent.
  if current_setting('auth.user_announced', true) = 'yes' then
    return;
  end if;

  v_ran := auth.run_hook('before_user_created', jsonb_build_object('user', announce_user.about));
  if v_ran ?| array['http', 'error'] then
    raise exception using
      errcode = 'FXH01',
      message = 'the hook before_user_created decides',
      detail = v_ran::text;
  end if;
end;
$$;

comment on function auth.announce_user(jsonb) is
  'Asks the hook before_user_created, if one is set, whether a user may be made. Raises FXH01 where
it refuses, and where it is one over HTTP; what auth.run_hook returned is the detail then, of which
a log would tell. So flows catch it, which undoes all that they have done, and return it as
{"announced"}: the process calls the hook and comes again with the setting auth.user_announced
being yes.';

revoke all on function auth.announce_user(jsonb) from public;
