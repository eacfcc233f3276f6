create or replace function jobs.promote(most integer default 1000)
  returns timestamptz
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
  set enable_bitmapscan = off
as $$
declare
  v_due jobs.waiting[];
  v_next timestamptz;
begin
  perform jobs.deliver();

  with due as (
    delete from jobs.waiting as w
    where w.id in (
      select d.id
      from jobs.waiting as d
      where d.run_at <= clock_timestamp()
      order by d.run_at
      limit promote.most
      for update skip locked
    )
    returning w.*
  )
  select array_agg(d::jobs.waiting order by d.run_at, d.id) into v_due
  from due as d;

  if v_due is not null then
    perform jobs.add_ready(v_due);
  end if;
  v_next := jobs.admit(promote.most);

  return least(v_next, (
    select w.run_at
    from jobs.waiting as w
    where w.run_at < 'infinity'
    order by w.run_at
    limit 1
  ));
end;
$$;

comment on function jobs.promote(integer) is
  'Adds jobs whose time or turn has come to those that may run, at most so many, and returns when
the next one''s time comes (which is past if there are more); null if there is none. Any process
may call it at any time.';

revoke all on function jobs.promote(integer) from public;
grant execute on function jobs.promote(integer) to service_role;
