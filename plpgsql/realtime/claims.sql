-- A barrier, so that nothing of a policy is evaluated over the rows of others. Whoever
-- doesn't know a key sees no row.
create or replace view realtime.claims with (security_barrier) as
select c.id, c.claims, c.uid
from realtime.claim_set as c
where c.key = nullif(current_setting('fluxbase.claims_key', true), '')::uuid
and c.role = current_user;

comment on view realtime.claims is
  'The registered claims of the current role, for the process whose key is fluxbase.claims_key.';

revoke all on realtime.claims from public;
grant select on realtime.claims to anon, authenticated, service_role;
