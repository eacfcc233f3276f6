create or replace function auth.tg_sessions__end()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into auth.ended_sessions (session_id, forget_at)
  -- Clocks may differ by the half minute that checks of tokens allow for, and a bit.
  select e.id, coalesce(e.tokens_until, now() + auth.token_lifetime()) + interval '1 minute'
  from ended as e
  where coalesce(e.tokens_until, now()) + interval '1 minute' > now()
  order by e.id
  on conflict (session_id) do nothing;
  return null;
end;
$$;

comment on function auth.tg_sessions__end() is
  'Has the access tokens of sessions that are deleted refused, whatever deleted them.';

revoke all on function auth.tg_sessions__end() from public;

create or replace trigger sessions__end
  after delete on auth.sessions
  referencing old table as ended
  for each statement
  execute function auth.tg_sessions__end();
