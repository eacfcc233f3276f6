create or replace function auth.delete_factor(factor_id uuid, keeping uuid default null)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_factor auth.mfa_factors;
begin
  delete from auth.mfa_factors as f
  where f.id = delete_factor.factor_id
  returning f.* into v_factor;

  if not found then
    return;
  end if;

  -- Who came to aal2 by it is there no longer. Access tokens that say so may be out, and end
  -- only with their sessions.
  delete from auth.sessions as s
  where s.id in (
    select l.id
    from auth.sessions as l
    where l.user_id = v_factor.user_id
    and l.factor_id = v_factor.id
    and l.id is distinct from delete_factor.keeping
    order by l.id
    for update
  );
  with lowered as (
    update auth.sessions as s
    set aal = 'aal1',
        factor_id = null,
        updated_at = now()
    where s.id = delete_factor.keeping
    and s.factor_id = v_factor.id
    returning s.id
  )
  delete from auth.mfa_amr_claims as m
  using lowered as l
  where m.session_id = l.id
  and (m.authentication_method = 'totp' or m.authentication_method like 'mfa/%');

  perform audit.record(
    'mfa_factor.removed', v_factor.user_id::text,
    jsonb_build_object('factor', v_factor.id, 'type', v_factor.factor_type)
  );

  -- Recovery codes stand in for a factor, they are none.
  perform auth.delete_factor(r.id, delete_factor.keeping)
  from auth.mfa_factors as r
  where r.user_id = v_factor.user_id
  and r.factor_type = 'recovery_code'
  and not exists (
    select
    from auth.mfa_factors as o
    where o.user_id = v_factor.user_id
    and o.status = 'verified'
    and o.factor_type <> 'recovery_code'
  );
end;
$$;

comment on function auth.delete_factor(uuid, uuid) is
  'Deletes a factor, and with the last one the recovery codes. Sessions that were raised by it end,
and their access tokens with them (ASVS 5.0, 7.4.3), but for the one called keeping: it is of aal1
again, and its access tokens say so from its next refresh on. The caller holds the lock of the user.
For functions of ours.';

revoke all on function auth.delete_factor(uuid, uuid) from public;
