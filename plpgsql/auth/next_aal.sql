create or replace function auth.next_aal()
  returns text
  language sql
  stable
  parallel safe
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when exists (
      select
      from auth.mfa_factors as f
      where f.user_id = auth.uid()
      and f.status = 'verified'
    ) then 'aal2'
    else 'aal1'
  end;
$$;

comment on function auth.next_aal() is
  'How surely the user of the request''s token can be known: aal2 for one with a verified second
factor, else aal1. In a restrictive policy write (select auth.aal()) >= (select auth.next_aal()), so
that who has a second factor must have shown it.';

revoke all on function auth.next_aal() from public;
grant execute on function auth.next_aal() to anon, authenticated, service_role;
