do $$
declare
  v_table name;
begin
  -- Not secrets: those are read by the functions that need them.
  foreach v_table in array array[
    'functions', 'versions', 'version_files', 'files', 'settings', 'invocations', 'logs', 'queues'
  ]
  loop
    execute format('drop policy if exists service_role_may_read on functions.%I', v_table);
    execute format(
      'create policy service_role_may_read on functions.%I for select to service_role using (true)',
      v_table
    );
    execute format('grant select on functions.%I to service_role', v_table);
  end loop;
end;
$$;
