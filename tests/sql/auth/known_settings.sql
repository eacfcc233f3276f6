select plan(5);

set local role service_role;
select is_empty(
  $$
    select k.name
    from auth.known_settings() as k
    where k.name !~ '^[a-z0-9_]+$'
    or k.kind not in ('boolean', 'text', 'texts', 'count', 'positive', 'algorithm', 'captcha')
    or k.about !~ '\.$'
  $$,
  'each setting has a name, a kind and a sentence'
);
select is_empty(
  $$
    select k.name
    from auth.known_settings() as k
    group by k.name
    having count(*) > 1
  $$,
  'no two have one name'
);
select is_empty(
  $$
    select k.name
    from auth.known_settings() as k
    where jsonb_typeof(k.fallback) <> case k.kind
      when 'boolean' then 'boolean'
      when 'text' then 'string'
      when 'algorithm' then 'string'
      when 'captcha' then 'string'
      when 'texts' then 'array'
      else 'number'
    end
  $$,
  'what holds unless it is set is of its kind'
);
select results_eq(
  $$
    select k.name, auth.set_setting(k.name, k.fallback)
    from auth.known_settings() as k
    order by k.name
  $$,
  $$
    select k.name, k.fallback
    from auth.known_settings() as k
    order by k.name
  $$,
  'and could be set'
);

set local role authenticated;
select throws_ok($$ select auth.known_settings() $$, '42501', null, 'not for users');

select * from finish();
