create or replace function functions.keep(
  versions integer default null,
  invocations interval default null,
  logs interval default null
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into functions.settings as s (versions, invocations, logs)
  select
    coalesce(keep.versions, k.versions),
    coalesce(keep.invocations, k.invocations),
    coalesce(keep.logs, k.logs)
  from functions.kept() as k
  on conflict on constraint settings_pkey do update
  set versions = coalesce(keep.versions, s.versions),
      invocations = coalesce(keep.invocations, s.invocations),
      logs = coalesce(keep.logs, s.logs);

  perform audit.record(
    'functions.kept', null,
    (select to_jsonb(k) from functions.kept() as k)
  );
end;
$$;

comment on function functions.keep(integer, interval, interval) is
  'Sets how many versions of each function are kept (10, if it was never called), and how long what
it did (14 days) and said (7 days): whole days, 1 to 366; null leaves as it is. Versions go at the
next deployment, the rest within the hour. Raises 23514 for what cannot be.';

revoke all on function functions.keep(integer, interval, interval) from public;
grant execute on function functions.keep(integer, interval, interval) to service_role;
