select plan(4);

select set_eq(
  $$
    select c.relname
    from pg_class as c
    where c.relnamespace = 'functions'::regnamespace
    and c.relkind in ('r', 'p')
    and has_table_privilege('service_role', c.oid, 'select')
  $$,
  $$
    select p.tablename
    from pg_policies as p
    where p.schemaname = 'functions'
    and p.policyname = 'service_role_may_read'
  $$,
  'what the service may read it has a policy for'
);
select ok(
  not has_table_privilege('service_role', 'functions.secrets', 'select'), 'secrets it may not'
);
select is_empty(
  $$
    select c.relname
    from pg_class as c
    cross join unnest(array['anon', 'authenticated', 'service_role']) as r (name)
    where c.relnamespace = 'functions'::regnamespace
    and c.relkind in ('r', 'p', 'v')
    and has_table_privilege(r.name, c.oid, 'insert, update, delete, truncate')
  $$,
  'nobody writes but through functions'
);
select is_empty(
  $$
    select c.relname
    from pg_class as c
    cross join unnest(array['anon', 'authenticated']) as r (name)
    where c.relnamespace = 'functions'::regnamespace
    and c.relkind in ('r', 'p', 'v')
    and has_table_privilege(r.name, c.oid, 'select')
  $$,
  'users read nothing'
);

select * from finish();
