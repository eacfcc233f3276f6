select plan(5);

select is(auth.role(), null, 'without a request there is no role');

set local request.jwt.claims = '{"role": "authenticated"}';
select is(auth.role(), 'authenticated', 'the claim role is the role');

set local request.jwt.claims = '{"sub": "00000000-0000-4000-8000-00000000ada0"}';
select is(auth.role(), null, 'a token without one has none');

set local request.jwt.claim.role = 'service_role';
select is(auth.role(), 'service_role', 'the older setting wins, as in Supabase');

set local role anon;
select lives_ok($$ select auth.role() $$, 'anon may ask');

reset role;
select * from finish();
