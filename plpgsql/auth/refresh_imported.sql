create or replace function auth.refresh_imported(
  token text,
  user_agent text default null,
  ip inet default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_token auth.refresh_tokens;
  v_number bigint;
begin
  select t.* into v_token
  from auth.refresh_tokens as t
  where t.token = refresh_imported.token;

  if v_token.session_id is null then
    return '{"error": "refresh_token_not_found"}'::jsonb;
  end if;

  -- The one that was current there is number 0 of ours, and so is the one before, as long as
  -- nobody has shown what came for either. Any older one was replaced long ago.
  v_number := case
    when v_token.revoked is not true then 0
    when exists (
      select
      from auth.refresh_tokens as c
      where c.session_id = v_token.session_id
      and c.parent = v_token.token
      and c.revoked is not true
    ) then 0
    else -1
  end;

  update auth.sessions as s
  set refresh_token_counter = 0
  where s.id = v_token.session_id
  and s.refresh_token_counter is null;

  return auth.refresh_session(
    v_token.session_id, v_number, refresh_imported.user_agent, refresh_imported.ip
  );
end;
$$;

comment on function auth.refresh_imported(text, text, inet) is
  'Gives tokens of ours for a refresh token of a dump of Supabase, so that nobody who moves has to
sign in: auth.refresh_session for the current one and the one before it. An older one ends the
session. Returns auth.grant_of, or {"error"} as auth.refresh_session.';

revoke all on function auth.refresh_imported(text, text, inet) from public;
grant execute on function auth.refresh_imported(text, text, inet) to service_role;
