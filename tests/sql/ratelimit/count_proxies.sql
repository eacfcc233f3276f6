select plan(2);

set local role fluxbase_replication;
select isnt_empty(
  $$
    select fluxbase.renew(gen_random_uuid(), p.name, 1, '0/0', p.lease)
    from (values ('live', interval '1 min'), ('ended', '0 s')) as p (name, lease)
  $$,
  'one lives, one has ended'
);

set local role authenticator;
select ok(ratelimit.count_proxies() >= 1, 'those that live are counted');

select * from finish();
