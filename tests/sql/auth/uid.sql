select plan(9);

select is(auth.uid(), null, 'without a request there is nobody');

-- A setting that was set in a transaction before reads as an empty text.
set local request.jwt.claims = '';
set local request.jwt.claim.sub = '';
select is(auth.uid(), null, 'nor with what an earlier request left');

set local request.jwt.claims = '{"sub": "00000000-0000-4000-8000-00000000ada0"}';
select is(
  auth.uid(),
  '00000000-0000-4000-8000-00000000ada0'::uuid,
  'the claim sub is the user');

set local request.jwt.claim.sub = '00000000-0000-4000-8000-00000000b0b0';
select is(
  auth.uid(),
  '00000000-0000-4000-8000-00000000b0b0'::uuid,
  'the older setting wins, as in Supabase');
set local request.jwt.claim.sub = '';

set local request.jwt.claims = '{"role": "anon"}';
select is(auth.uid(), null, 'a token without sub is nobody');

set local request.jwt.claims = '{"sub": "someone"}';
select throws_ok(
  $$ select auth.uid() $$,
  '22P02', null,
  'a sub that is no uuid is an error, not nobody');

-- Whoever has a schema of their own cannot change what the function reads.
create schema evil;
create function evil.current_setting(text, boolean)
  returns text
  language sql
  immutable
as $$ select '{"sub": "00000000-0000-4000-8000-00000000000e"}' $$;
set local search_path = evil, pg_catalog, public;
set local request.jwt.claims = '';
select is(auth.uid(), null, 'the caller''s search_path does not matter');
reset search_path;

create role some_role;
grant some_role to current_user;
set local role some_role;
select lives_ok($$ select auth.uid() $$, 'any role may ask');

reset role;
select ok(
  not has_function_privilege('some_role', 'auth.uid()', 'execute with grant option'),
  'and not pass that on');

select * from finish();
