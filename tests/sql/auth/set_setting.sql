select plan(24);

select set_config('request.jwt.claims', '{"role":"service_role","service_key":"boss"}', true);
set local role service_role;
select is(auth.set_setting('site_url', '"https://a.test"'), '"https://a.test"', 'a text is set');
select is(auth.setting('site_url'), '"https://a.test"', 'and holds');
select is(auth.set_setting('site_url', '"https://b.test"'), '"https://b.test"', 'and another');
select is(auth.set_setting('uri_allow_list', '["a", "b"]'), '["a", "b"]', 'a list');
select is(auth.set_setting('disable_signup', 'true'), 'true', 'yes or no');
select is(auth.set_setting('sessions_timebox', '0'), '0', 'a number from zero');
select is(auth.set_setting('jwt_exp', '60'), '60', 'a number from one');
select is(auth.set_setting('jwt_exp', '0'), '3600', 'zero is no length of time: the default');
select is(auth.set_setting('jwt_exp', '-5'), '3600', 'nor is less');
select is(auth.set_setting('site_url', null), '""', 'null takes it back');
select auth.set_setting('site_url', '"https://a.test"');
select is(auth.set_setting('site_url', 'null'), '""', 'also that of JSON');

create function pg_temp.refused(name text, value jsonb, what text) returns text
language sql as $$
  select throws_ok(
    format('select auth.set_setting(%L, %L)', refused.name, refused.value), '22023', null,
    refused.what
  );
$$;
select is(auth.set_setting('jwt_algorithm', '"EdDSA"'), '"EdDSA"', 'one of a few words');
select auth.set_setting('jwt_algorithm', null);
select pg_temp.refused('jwt_algorithm', '"none"', 'and no other');
select is(auth.set_setting('captcha_provider', '"hook"'), '"hook"', 'as who checks a CAPTCHA');
select auth.set_setting('captcha_provider', null);
select pg_temp.refused('captcha_provider', '"recaptcha"', 'and nobody else');
select pg_temp.refused('nothing', '1', 'no setting of that name');
select pg_temp.refused('jwt_exp', '"60"', 'a text is no number');
select pg_temp.refused('jwt_exp', '1.5', 'a part of a second neither');
select pg_temp.refused('sessions_timebox', '-1', 'nor is less than nothing a time');
select pg_temp.refused('disable_signup', '"yes"', 'nor a text a yes');
select pg_temp.refused('uri_allow_list', '["a", 1]', 'nor a number a URL');

reset role;
select results_eq(
  $$ select s.name, s.changed_by from auth.settings as s order by s.name $$,
  $$
    values ('disable_signup', 'key:boss'), ('sessions_timebox', 'key:boss'),
      ('uri_allow_list', 'key:boss')
  $$,
  'only what differs is kept, and who changed it'
);
select results_eq(
  $$
    select e.actor, e.details ->> 'value'
    from audit.events as e
    where e.action = 'auth_setting.changed'
    and e.target = 'jwt_exp'
    order by e.id
  $$,
  $$ values ('key:boss', '60'), ('key:boss', null), ('key:boss', null) $$,
  'each change is an event'
);

set local role authenticated;
select throws_ok($$ select auth.set_setting('jwt_exp', '1') $$, '42501', null, 'not for users');

select * from finish();
