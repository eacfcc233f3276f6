create or replace function auth.unenroll_factor(session_id uuid, factor_id uuid)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session constant auth.sessions := auth.hold_session(unenroll_factor.session_id);
  v_factor auth.mfa_factors;
  v_refusal jsonb;
begin
  if v_session.id is null then
    return '{"error": "session_not_found"}'::jsonb;
  end if;

  select f.* into v_factor
  from auth.mfa_factors as f
  where f.id = unenroll_factor.factor_id
  and f.user_id = v_session.user_id;

  if not found then
    return '{"error": "mfa_factor_not_found"}'::jsonb;
  end if;
  if v_factor.status = 'verified' then
    v_refusal := auth.require_aal(v_session.id);
    if v_refusal is not null then
      return v_refusal;
    end if;
  end if;

  perform auth.delete_factor(v_factor.id, v_session.id);
  return jsonb_build_object('id', v_factor.id);
end;
$$;

comment on function auth.unenroll_factor(uuid, uuid) is
  'Takes a factor from the user of a session, which must be of aal2 if the factor is verified. If
the session was raised by it, it is of aal1 again; others that were end. Returns {"id"} or
{"error"}: session_not_found, mfa_factor_not_found, and those of auth.require_aal.';

revoke all on function auth.unenroll_factor(uuid, uuid) from public;
grant execute on function auth.unenroll_factor(uuid, uuid) to service_role;
