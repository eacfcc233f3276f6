-- The test cases of RFC 4231, sections 4.2 to 4.8.
select plan(9);

create temp table vectors (name text, key bytea, message bytea, mac text);
insert into vectors
values
  ('case 1', decode(repeat('0b', 20), 'hex'), 'Hi There',
   'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'),
  ('case 2', 'Jefe', 'what do ya want for nothing?',
   '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'),
  ('case 3', decode(repeat('aa', 20), 'hex'), decode(repeat('dd', 50), 'hex'),
   '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe'),
  ('case 4', '\x0102030405060708090a0b0c0d0e0f10111213141516171819',
   decode(repeat('cd', 50), 'hex'),
   '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b'),
  ('case 5', decode(repeat('0c', 20), 'hex'), 'Test With Truncation',
   'a3b6167473100ee06e0c796c2955552b'),
  ('case 6', decode(repeat('aa', 131), 'hex'),
   'Test Using Larger Than Block-Size Key - Hash Key First',
   '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54'),
  ('case 7', decode(repeat('aa', 131), 'hex'),
   'This is a test using a larger than block-size key and a larger than block-size data. '
   'The key needs to be hashed before being used by the HMAC algorithm.',
   '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2');

select is(left(encode(fluxbase.hmac(v.key, v.message), 'hex'), length(v.mac)), v.mac, v.name)
from vectors as v;

select is(
  encode(fluxbase.hmac('', ''), 'hex'),
  'b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad',
  'an empty key and an empty message'
);

set local role service_role;

select throws_ok(
  $$ select fluxbase.hmac('', '') $$,
  '42501', null,
  'only our own functions call it'
);

select * from finish();
