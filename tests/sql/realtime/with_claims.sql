select plan(7);

select is(realtime.with_claims(t.condition), t.wants, t.condition)
from (
  values
    ('(a = auth.uid())', '(a = "fluxbase.uid")'),
    ('(a = ( SELECT auth.uid() AS uid))', '(a = "fluxbase.uid")'),
    ('((auth.jwt() ->> ''a''::text) = auth.email())',
     '(("fluxbase.claims" ->> ''a''::text) = ("fluxbase.claims" ->> ''email''))'),
    ('(( SELECT auth.role() AS role) = a)', '(("fluxbase.claims" ->> ''role'') = a)'),
    ('(a = ''it''''s auth.uid()''::text)', '(a = ''it''''s auth.uid()''::text)'),
    ('(my.auth.uid() = auth.uid)', '(my.auth.uid() = auth.uid)'),
    ('("a auth.uid() "" b" = "auth".uid())', '("a auth.uid() "" b" = "auth".uid())')
) as t (condition, wants);

select * from finish();
