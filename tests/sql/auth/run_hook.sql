select plan(15);

create table public.seen (event jsonb);
grant insert on public.seen to supabase_auth_admin;
grant usage on schema public to supabase_auth_admin;
create function public.hook(event jsonb) returns jsonb language plpgsql
as $$
begin
  insert into seen values (event);
  case event ->> 'do'
    when 'raise' then raise exception 'a secret of the inside';
    when 'refuse' then return '{"error": {"http_code": 403, "message": "not you"}}';
    when 'nothing' then return null;
    when 'sleep' then perform pg_sleep(60);
    else return jsonb_build_object('role', current_user, 'metadata', event -> 'metadata');
  end case;
end;
$$;

create function pg_temp.run("do" text) returns jsonb language sql
as $$ select auth.run_hook('before_user_created', jsonb_build_object('do', run."do")) $$;

set local role service_role;
select is(pg_temp.run('x'), null, 'there is no hook');
select throws_ok($$ select auth.run_hook('none', '{}') $$, '22023', null, 'nor one of this name');
select auth.set_setting('hook_before_user_created_uri', '"pg-functions://postgres/public/hook"');
select is(pg_temp.run('x') ->> 'role', 'supabase_auth_admin', 'it runs as its own role');
select is(
  pg_temp.run('x') #>> '{metadata,name}', 'before-user-created', 'and is told what for'
);
select set_config('request.address', '192.0.2.7', true);
select is(pg_temp.run('x') #>> '{metadata,ip_address}', '192.0.2.7', 'and from where');
select is(
  pg_temp.run('refuse'), '{"error": {"http_code": 403, "message": "not you"}}',
  'its refusal is passed on'
);
select is(
  pg_temp.run('raise'),
  '{"error": {"http_code": 500, "message": "Error running hook before_user_created"}}',
  'what it raises is not'
);
select is(pg_temp.run('nothing') #>> '{error,http_code}', '500', 'no answer is none');
reset role;
select is(
  (select count(*) from public.seen as s where s.event ->> 'do' in ('raise', 'nothing')), 0::bigint,
  'what a hook that failed has written is undone'
);
select is(
  (select count(*) from public.seen as s where s.event ->> 'do' = 'refuse'), 1::bigint,
  'what one that refused has written is not'
);

set local role service_role;
select auth.set_setting('hook_before_user_created_uri', '"pg-functions://postgres/public/gone"');
select is(pg_temp.run('x') #>> '{error,http_code}', '500', 'one that is not there refuses');

select auth.set_setting('hook_send_sms_uri', '"https://example.com/sms"');
select auth.add_hook_secret('send_sms', '5e0ec0de-0000-4000-8000-000000000001', 'fbs1.k.x');
select is(
  auth.run_hook('send_sms', '{"sms": {"otp": "1"}}') #- '{http,payload,metadata}',
  '{"http": {"name": "send_sms", "uri": "https://example.com/sms",
    "payload": {"sms": {"otp": "1"}},
    "secrets": [{"id": "5e0ec0de-0000-4000-8000-000000000001", "sealed": "fbs1.k.x"}]}}'::jsonb,
  'one over HTTP is for the process'
);
reset role;

-- The time of a statement begins with it.
select auth.set_setting('hook_before_user_created_uri', '"pg-functions://postgres/public/hook"');
create function pg_temp.cancels() returns jsonb language plpgsql
as $$
begin
  return pg_temp.run('sleep');
end;
$$;
set local statement_timeout = '100 ms';
create temp table slow as select pg_temp.cancels() as answer;
set local statement_timeout = 0;
select is((select s.answer #>> '{error,code}' from slow as s), 'hook_timeout', 'a slow one ends');
select is(
  (select count(*) from public.seen as s where s.event ->> 'do' = 'sleep'), 0::bigint, 'in nothing'
);

set local role authenticated;
select throws_ok($$ select auth.run_hook('send_sms', '{}') $$, '42501', null, 'users may not');

select * from finish();
