create or replace function functions.make_partitions(days_ahead integer default 3)
  returns setof text
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  -- Who records shall not wait behind us for somebody's long transaction.
  set lock_timeout = '2 s'
  set timezone = 'UTC'
as $$
declare
  v_table text;
  v_missing date[];
  v_day date;
  v_name text;
begin
  if make_partitions.days_ahead not between 0 and 60 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'days ahead are 0 to 60';
  end if;

  foreach v_table in array array['invocations', 'logs'] loop
    -- Nothing of the table is looked at before it is locked: two callers would each hold what
    -- the other wants.
    continue when not exists (
      select
      from generate_series(0, make_partitions.days_ahead) as g (n)
      where to_regclass(format(
        'functions.%s_%s', v_table, to_char(now() + make_interval(days => g.n), 'YYYY_MM_DD')
      )) is null
    );
    execute format('lock table functions.%I in access exclusive mode', v_table);

    -- What came from clocks that are far wrong stays in the default.
    execute format(
      'select array_agg(m.day order by m.day) '
      'from ('
      '  select (now() + make_interval(days => g.n))::date as day'
      '  from generate_series(0, $1) as g (n)'
      '  union'
      '  select d.at::date'
      '  from functions.%I as d'
      '  where d.at between now() - interval ''366 days'' and now() + interval ''60 days'''
      ') as m '
      'where to_regclass(format(''functions.%s_%%s'', to_char(m.day, ''YYYY_MM_DD''))) is null',
      v_table || '_default', v_table
    )
    into v_missing
    using make_partitions.days_ahead;
    continue when v_missing is null; -- another made them meanwhile

    -- What is in the default would keep the partition of its day from being made.
    execute format(
      'alter table functions.%I detach partition functions.%I', v_table, v_table || '_default'
    );
    foreach v_day in array v_missing loop
      v_name := format('%s_%s', v_table, to_char(v_day, 'YYYY_MM_DD'));
      execute format(
        'create table functions.%I partition of functions.%I for values from (%L) to (%L)',
        v_name, v_table, v_day::timestamptz, (v_day + 1)::timestamptz
      );
      execute format('alter table functions.%I enable row level security', v_name);
      execute format(
        'comment on table functions.%I is %L', v_name, 'Of ' || to_char(v_day, 'YYYY-MM-DD') || '.'
      );
      return next 'functions.' || v_name;
    end loop;
    -- Detached it is a table as any other. Its columns are those of its parent.
    execute format(
      'with moved as (delete from functions.%1$I as d where d.at::date = any ($1) returning d.*) '
      'insert into functions.%2$I select m.* from moved as m',
      v_table || '_default', v_table
    )
    using v_missing;
    execute format(
      'alter table functions.%I attach partition functions.%I default',
      v_table, v_table || '_default'
    );
  end loop;
end;
$$;

comment on function functions.make_partitions(integer) is
  'Makes the partitions of functions.invocations and functions.logs for today and some days ahead,
and for whatever came while there was none; returns the names of those it made. functions.maintain
calls it. Raises 55P03 when a transaction that takes long has written there: call it again.';

revoke all on function functions.make_partitions(integer) from public;
grant execute on function functions.make_partitions(integer) to service_role;
