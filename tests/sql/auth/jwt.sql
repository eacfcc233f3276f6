select plan(5);

select is(auth.jwt(), null, 'without a request there are no claims');

set local request.jwt.claims = '{"sub": "x", "app_metadata": {"teams": [1, 2]}}';
select is(
  auth.jwt(),
  '{"sub": "x", "app_metadata": {"teams": [1, 2]}}'::jsonb,
  'all claims of the token');

select is(auth.jwt() -> 'app_metadata' -> 'teams' ->> 1, '2', 'down to the last');

set local request.jwt.claim = '{"sub": "y"}';
select is(auth.jwt() ->> 'sub', 'y', 'the older setting wins, as in Supabase');

set local role anon;
select lives_ok($$ select auth.jwt() $$, 'anon may ask');

reset role;
select * from finish();
