create or replace function audit.make_partitions(months_ahead integer default 3)
  returns setof text
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  -- Who writes events shall not wait behind us for somebody's long transaction.
  set lock_timeout = '2 s'
  set timezone = 'UTC'
as $$
declare
  v_missing date[];
  v_month date;
  v_name text;
begin
  if make_partitions.months_ahead not between 0 and 60 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'months ahead are 0 to 60';
  end if;

  -- Nothing of the table is looked at before it is locked: two callers would each hold what
  -- the other wants.
  perform
  from generate_series(0, make_partitions.months_ahead) as g (n)
  where to_regclass(to_char(
    date_trunc('month', now()) + make_interval(months => g.n), '"audit.events_"YYYY"_"MM'
  )) is null;
  if not found then
    return;
  end if;
  lock table audit.events in access exclusive mode;

  select array_agg(m.month order by m.month) into v_missing
  from (
    select (date_trunc('month', now()) + make_interval(months => g.n))::date as month
    from generate_series(0, make_partitions.months_ahead) as g (n)
    union
    select date_trunc('month', e.at)::date
    from audit.events_default as e
  ) as m
  where to_regclass(to_char(m.month, '"audit.events_"YYYY"_"MM')) is null;
  if v_missing is null then
    return; -- another made them meanwhile
  end if;

  -- What is in the default would keep the partition of its month from being made.
  alter table audit.events detach partition audit.events_default;

  foreach v_month in array v_missing loop
    v_name := to_char(v_month, '"events_"YYYY"_"MM');

    execute format(
      'create table audit.%I partition of audit.events for values from (%L) to (%L)',
      v_name, v_month::timestamptz, (v_month + interval '1 month')::timestamptz
    );
    execute format('alter table audit.%I enable row level security', v_name);
    execute format(
      'create trigger never_emptied before truncate on audit.%I '
      'for each statement execute function audit.tg_events__keep()',
      v_name
    );
    execute format(
      'comment on table audit.%I is %L',
      v_name, 'Events of ' || to_char(v_month, 'YYYY-MM') || '.'
    );
    return next 'audit.' || v_name;
  end loop;

  -- Detached it is a table as any other.
  with moved as (
    delete from audit.events_default as e
    returning
      e.id, e.at, e.actor, e.login, e.action, e.target, e.origin, e.request_id, e.details
  )
  insert into audit.events (
    id, at, actor, login, action, target, origin, request_id, details
  )
  select m.id, m.at, m.actor, m.login, m.action, m.target, m.origin, m.request_id, m.details
  from moved as m;

  alter table audit.events attach partition audit.events_default default;
end;
$$;

comment on function audit.make_partitions(integer) is
  'Makes the partitions of audit.events for this month and some ahead, and for whatever came while
there was none; returns the names of those it made. The processes call it each hour. Raises 55P03
when events are being written by a transaction that takes long: call it again.';

revoke all on function audit.make_partitions(integer) from public;
grant execute on function audit.make_partitions(integer) to service_role, authenticator;
