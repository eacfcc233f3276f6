select plan(5);

insert into functions.files (sha256, content)
values (sha256('of nobody'), 'of nobody');

-- Who deploys meanwhile holds it off, so it is asked again until nobody does. None of them may
-- wait for what this transaction has done.
create procedure pg_temp.sweep()
  language plpgsql
as $$
begin
  while functions.sweep() = 0
  and exists (select from functions.files as f where f.sha256 = sha256('of nobody')) loop
    perform pg_sleep(0.01);
  end loop;
end;
$$;
call pg_temp.sweep();
select is_empty(
  $$
  select from functions.files as f where f.sha256 = sha256('of nobody')
  $$, 'what nobody has goes'
);
select functions.deploy('swept', '{"index.ts": "of swept"}');
select functions.sweep();
select isnt_empty(
  $$ select from functions.files as f where f.sha256 = sha256('of swept') $$, 'the rest stays'
);

set local role service_role;
select is(functions.sweep(), 0, 'then there is nothing to do');
set local role authenticated;
select throws_ok($$ select functions.sweep() $$, '42501', null, 'not for users');
set local role anon;
select throws_ok($$ select functions.sweep() $$, '42501', null, 'not for anon');

select * from finish();
