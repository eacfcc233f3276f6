select plan(21);

create role app_editor_of_creation;
set local role service_role;
create temp table made as
  select
    auth.create_user(
      '{"email": "Ada@Create.test", "phone": "15550000021", "hash": "a hash", "email_confirm": true,
        "user_metadata": {"name": "Ada"}, "app_metadata": {"plan": "gold"},
        "role": "app_editor_of_creation", "ban_duration": "24h",
        "id": "00000000-0000-4000-8000-00000000c0de"}'
    ) as ada,
    auth.create_user(
      '{"phone": "15550000022", "phone_confirm": true, "ban_duration": "none"}'
    ) as bob,
    auth.create_user(
      '{"email": "eve@create.test", "email_confirmed_at": "2020-01-01Z",
        "created_at": "2019-01-01Z", "last_sign_in_at": "2021-01-01Z",
        "identities": [{"provider": "google", "id": "7", "identity_data": {"name": "Eve"}}]}'
    ) as eve;
grant select on made to public;

select is(
  m.ada - '{identities,created_at,updated_at,email_confirmed_at,confirmed_at,banned_until}'::text[],
  '{"id": "00000000-0000-4000-8000-00000000c0de", "aud": "authenticated",
    "role": "app_editor_of_creation", "email": "ada@create.test", "phone": "15550000021",
    "user_metadata": {"name": "Ada"}, "is_anonymous": false, "app_metadata":
      {"plan": "gold", "provider": "email", "providers": ["email", "phone"]}}',
  'a user as given'
)
from made as m;
select ok(m.ada ?& '{email_confirmed_at,banned_until}'::text[], 'confirmed, and banned')
from made as m;
select is(jsonb_array_length(m.ada -> 'identities'), 2, 'who signs in by both') from made as m;
select ok(
  m.bob ? 'phone_confirmed_at' and not m.bob ? 'banned_until' and m.bob ->> 'email' = '',
  'by number alone, without a ban'
)
from made as m;
select is(
  m.eve ->> 'created_at' || ' ' || (m.eve ->> 'email_confirmed_at'),
  '2019-01-01T00:00:00.000000Z 2020-01-01T00:00:00.000000Z', 'who comes from elsewhere'
)
from made as m;
select is(i.identity -> 'identity_data', '{"sub": "7", "name": "Eve"}', 'with what they had there')
from made as m
cross join jsonb_array_elements(m.eve -> 'identities') as i (identity)
where i.identity ->> 'provider' = 'google';
select is(strpos(m::text, 'a hash'), 0, 'no hash is told') from made as m;
select is(auth.find_account('ada@create.test', null) ->> 'hash', 'a hash', 'but it is kept');

create function pg_temp.error(attributes jsonb) returns text language sql as $$
  select auth.create_user(error.attributes) ->> 'error';
$$;
select is(pg_temp.error('{"email": "ADA@create.test"}'), 'email_exists', 'an address is taken');
select is(pg_temp.error('{"phone": "15550000021"}'), 'phone_exists', 'a number too');
select is(
  pg_temp.error('{"email": "x@create.test", "id": "00000000-0000-4000-8000-00000000c0de"}'),
  'conflict', 'and an id'
);
select is(pg_temp.error('{}'), 'validation_failed', 'one of both is needed');
select is(
  pg_temp.error('{"email": "x@create.test", "role": "service_role"}'), 'validation_failed',
  'nobody is made the service role'
);
select is(
  pg_temp.error('{"email": "x@create.test", "role": "nobody_of_creation"}'), 'validation_failed',
  'nor a role that is not there'
);
create function pg_temp.raises(attributes text, state text, what text) returns text
language sql as $$
  select throws_ok(
    format('select auth.create_user(%L)', raises.attributes), raises.state, null, raises.what
  );
$$;
select pg_temp.raises('{"email": "x@c.test", "ban_duration": "soon"}', '22007', 'no interval');
select pg_temp.raises('{"email": "x@c.test", "id": "7"}', '22P02', 'no id');
select pg_temp.raises('{"email": "x@c.test", "user_metadata": []}', '23514', 'no object');
select pg_temp.raises(
  '{"email": "x@c.test", "identities": [{"provider": "google", "id": "7"}]}', '23505',
  'an identity is one user''s'
);

reset role;
select is(count(*), 3::bigint, 'each is an event')
from audit.events as e
join made as m on e.target in (m.ada ->> 'id', m.bob ->> 'id', m.eve ->> 'id')
where e.action = 'user.created';
select is_empty(
  $$ select from audit.events as e where strpos(e::text, 'a hash') > 0 $$, 'without the hash'
);
set local role authenticated;
select throws_ok(
  $$ select auth.create_user('{"email": "x@create.test"}') $$, '42501', null, 'not for users'
);

select * from finish();
