select plan(5);

select set_eq(
  $$
    select c.relname
    from pg_class as c
    where c.relnamespace = 'jobs'::regnamespace
    and c.relkind in ('r', 'p')
    and has_table_privilege('service_role', c.oid, 'select')
  $$,
  $$
    select p.tablename
    from pg_policies as p
    where p.schemaname = 'jobs'
    and p.policyname = 'service_role_may_read'
  $$,
  'what the service may read it has a policy for'
);
select set_eq(
  $$
    select c.relname
    from pg_class as c
    where c.relnamespace = 'jobs'::regnamespace
    and c.relkind in ('r', 'p')
    and has_table_privilege('authenticated', c.oid, 'select')
  $$,
  array['blocked', 'dead', 'failures', 'lanes', 'progress', 'ready', 'waiting'],
  'users may read what has an owner, and the names of queues'
);
select is_empty(
  $$
    select c.relname
    from pg_class as c
    cross join unnest(array['anon', 'authenticated', 'service_role']) as r (name)
    where c.relnamespace = 'jobs'::regnamespace
    and c.relkind in ('r', 'p', 'v')
    and has_table_privilege(r.name, c.oid, 'insert, update, delete, truncate')
  $$,
  'nobody writes but through functions'
);
select is_empty(
  $$
    select c.relname
    from pg_class as c
    where c.relnamespace = 'jobs'::regnamespace
    and c.relkind in ('r', 'p', 'v')
    and has_table_privilege('anon', c.oid, 'select')
  $$,
  'anon reads nothing'
);
select is_empty(
  $$
    select c.relname
    from pg_class as c
    where c.relnamespace = 'jobs'::regnamespace
    and c.relkind = 'S'
    and case
      when c.relkind = 'S' then has_sequence_privilege('service_role', c.oid, 'usage, update')
    end
  $$,
  'nobody makes ids'
);

select * from finish();
