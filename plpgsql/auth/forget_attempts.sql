create or replace function auth.forget_attempts(account text)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_account constant text := encode(sha256(convert_to(forget_attempts.account, 'UTF8')), 'hex');
  v_failures integer;
begin
  -- In the order in which auth.begin_attempt locks them, and before any is gone.
  perform from auth.attempts as a
  where split_part(a.key, ' ', 1) = v_account
  order by a.kind, a.key
  for update;

  with gone as (
    delete from auth.attempts as a
    where split_part(a.key, ' ', 1) = v_account
    returning a.kind, a.failures
  )
  select coalesce(sum(g.failures), 0) into v_failures
  from gone as g
  where g.kind like '%\_here';

  perform audit.record(
    'attempts.forgotten', forget_attempts.account, jsonb_build_object('failures', v_failures)
  );
  return v_failures;
end;
$$;

comment on function auth.forget_attempts(text) is
  'For operators: forgets all failures at an account (named as for auth.begin_attempt: by the id of
its user), of any kind and from anywhere, so that a pause is over at once. Returns how many.';

revoke all on function auth.forget_attempts(text) from public;
grant execute on function auth.forget_attempts(text) to service_role;
