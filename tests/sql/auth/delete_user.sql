select plan(12);

create table public.notes_of_deletion (
  owner uuid references auth.users (id)
);
set local role service_role;
create temp table made as
  select n.n,
    (auth.create_user(jsonb_build_object(
      'email', 'ada' || n.n || '@delete.test', 'phone', '1555000004' || n.n, 'hash', 'hash',
      'user_metadata', '{"name": "Ada"}'::jsonb, 'identities', jsonb_build_array(
        jsonb_build_object('provider', 'gitlab', 'id', 'delete' || n.n)
      )
    )) ->> 'id')::uuid as id
  from generate_series(1, 3) as n (n);
grant select on made to public;
create function pg_temp.one(n integer) returns uuid language sql as $$
  select m.id from made as m where m.n = one.n;
$$;
select auth.open_session(m.id, 'password') from made as m;
reset role;
insert into auth.one_time_tokens (user_id, token_type, token_hash, relates_to)
select m.id, 'recovery_token', 'x', 'x'
from made as m;
insert into public.notes_of_deletion values (pg_temp.one(3));
set local role service_role;

select is(auth.delete_user(pg_temp.one(1)), '{}', 'a user');
select is(auth.user_json(pg_temp.one(1)), null, 'is no more');
select is(auth.delete_user(pg_temp.one(1)), '{"error": "user_not_found"}', 'once');

select is(auth.delete_user(pg_temp.one(2), true), '{}', 'or keeps the row');
select matches(
  auth.user_json(pg_temp.one(2)) ->> 'email', '^[0-9a-f]{64}$', 'with a hash for an address'
);
select ok(
  auth.user_json(pg_temp.one(2)) @> '{"phone": "", "user_metadata": {}, "app_metadata": {}}'
  and auth.user_json(pg_temp.one(2)) ? 'deleted_at',
  'and nothing of whom it was'
);
reset role;
select is_empty(
  $$
    select
    from auth.users as u
    join auth.identities as i on i.user_id = u.id
    where u.id = pg_temp.one(2)
    and (u::text || i::text) ~* 'ada2@|15550000042|delete2|"hash"'
  $$,
  'in no column'
);
select is_empty(
  $$
    select s.id from auth.sessions as s where s.user_id in (pg_temp.one(1), pg_temp.one(2))
    union all
    select t.id from auth.one_time_tokens as t where t.user_id in (pg_temp.one(1), pg_temp.one(2))
  $$,
  'all that was under way ends'
);
set local role service_role;
select ok(
  auth.create_user('{"email": "ada2@delete.test"}') ? 'id', 'who comes back is another user'
);
select throws_ok(
  $$ select auth.delete_user(pg_temp.one(3)) $$, '23503', null, 'to whom a row refers stays'
);

reset role;
select results_eq(
  $$
    select e.details -> 'soft'
    from audit.events as e
    join made as m on m.id::text = e.target
    where e.action = 'user.deleted'
    order by e.id
  $$,
  $$ values ('false'::jsonb), ('true') $$, 'which are events'
);
set local role authenticated;
select throws_ok($$ select auth.delete_user(gen_random_uuid()) $$, '42501', null, 'not for users');

select * from finish();
