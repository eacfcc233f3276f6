select plan(5);

select is(auth.email(), null, 'without a request there is no address');

set local request.jwt.claims = '{"email": "ada@example.com"}';
select is(auth.email(), 'ada@example.com', 'the claim email is the address');

set local request.jwt.claims = '{"role": "anon"}';
select is(auth.email(), null, 'a token without one has none');

set local request.jwt.claim.email = 'bob@example.com';
select is(auth.email(), 'bob@example.com', 'the older setting wins, as in Supabase');

set local role anon;
select lives_ok($$ select auth.email() $$, 'anon may ask');

reset role;
select * from finish();
