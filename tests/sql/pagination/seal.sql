select plan(5);

-- RFC 4231, test case 2, padded: the key is Jefe.
create temp table jefe as
select row(1,
  string_agg(set_byte('\x00', 0, get_byte(k.bytes, i.n) # 54), '' order by i.n),
  string_agg(set_byte('\x00', 0, get_byte(k.bytes, i.n) # 92), '' order by i.n),
  now()
)::pagination.keys as key
from (select '\x4a656665'::bytea || decode(repeat('00', 60), 'hex') as bytes) as k
cross join generate_series(0, 63) as i (n);

select is(
  pagination.seal(j.key, 's', '\x01', 'p'),
  substr(fluxbase.hmac('Jefe', convert_to(
    format('["%s", "s", "01", "p"]', session_user), 'UTF8')), 1, 16),
  'it is the start of HMAC-SHA-256'
) from jefe as j;

create temp table seals as
select pagination.seal(j.key, 's', '\x01', 'p') as seal from jefe as j;
select isnt(pagination.seal(j.key, 's2', '\x01', 'p'), s.seal, 'another scope')
from jefe as j, seals as s;
select isnt(pagination.seal(j.key, 's', '\x02', 'p'), s.seal, 'other filters')
from jefe as j, seals as s;
select isnt(pagination.seal(j.key, 's', '\x01', 'p2'), s.seal, 'another text')
from jefe as j, seals as s;

set local role anon;
select throws_ok(
  $$ select pagination.seal(null, 's', '', 'p') $$, '42501', null, 'nobody signs with it'
);

select * from finish();
