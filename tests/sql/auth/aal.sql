select plan(4);

select is(auth.aal(), null, 'no token says nothing');
select set_config('request.jwt.claims', '{"sub": "x"}', true);
select is(auth.aal(), null, 'nor one without the claim');
select set_config('request.jwt.claims', '{"aal": "aal2"}', true);
set local role anon;
select is(auth.aal(), 'aal2', 'the claim, which anybody may ask for');
set local request.jwt.claims = '';
select is(auth.aal(), null, 'and nothing once it is gone');

select * from finish();
