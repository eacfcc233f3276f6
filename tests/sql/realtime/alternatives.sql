select plan(6);

select is(realtime.alternatives(t.condition), t.wants, t.condition)
from (
  values
    ('((a = 1) OR (b = 2) OR c)', array['(a = 1)', '(b = 2)', 'c']),
    ('((a OR b) AND c)', array['((a OR b) AND c)']),
    ('((a = '' OR (''::text) OR ("x OR )" = 1))', array['(a = '' OR (''::text)', '("x OR )" = 1)']),
    ('(a) = (b OR c)', array['(a) = (b OR c)']),
    ('(EXISTS ( SELECT WHERE (a OR b)))', array['(EXISTS ( SELECT WHERE (a OR b)))']),
    ('true', array['true'])
) as t (condition, wants);

select * from finish();
