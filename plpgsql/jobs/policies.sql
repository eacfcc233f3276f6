do $$
declare
  v_table name;
begin
  foreach v_table in array array[
    'queues', 'lanes', 'rotation', 'ready', 'cursors', 'workers', 'batches', 'waiting', 'specials',
    'cancelled', 'progress', 'failures', 'dead', 'tallies', 'totals', 'limits', 'blocked', 'slots',
    'knocks', 'key_rates', 'steps', 'events', 'awaits', 'arrivals', 'schedules',
    'history'
  ]
  loop
    execute format('drop policy if exists service_role_may_read on jobs.%I', v_table);
    execute format(
      'create policy service_role_may_read on jobs.%I for select to service_role using (true)',
      v_table
    );
    execute format('grant select on jobs.%I to service_role', v_table);
  end loop;

  foreach v_table in array array[
    'ready', 'waiting', 'blocked', 'progress', 'failures', 'dead'
  ]
  loop
    execute format('drop policy if exists owners_may_read on jobs.%I', v_table);
    execute format(
      'create policy owners_may_read on jobs.%I for select to authenticated '
      'using (owner = (select auth.uid()))',
      v_table
    );
    execute format('grant select on jobs.%I to authenticated', v_table);
  end loop;

  -- Names of queues only.
  drop policy if exists all_may_read on jobs.lanes;
  create policy all_may_read on jobs.lanes for select to authenticated using (true);
  grant select on jobs.lanes to authenticated;
end;
$$;
