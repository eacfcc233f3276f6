create or replace function auth.make_recovery_codes(
  session_id uuid,
  again boolean default false,
  friendly_name text default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_session auth.sessions;
  v_factor auth.mfa_factors;
  v_codes text[];
begin
  if not auth.setting('mfa_enroll') ? 'recovery_codes' then
    return '{"error": "mfa_recovery_codes_enroll_not_enabled"}'::jsonb;
  end if;
  v_session := auth.hold_session(make_recovery_codes.session_id);
  if v_session.id is null then
    return '{"error": "session_not_found"}'::jsonb;
  end if;
  if not exists (
    select
    from auth.mfa_factors as f
    where f.user_id = v_session.user_id
    and f.status = 'verified'
    and f.factor_type <> 'recovery_code'
  ) then
    return '{"error": "mfa_recovery_codes_sole_factor"}'::jsonb;
  end if;
  if coalesce(v_session.aal, 'aal1') < 'aal2' then
    return '{"error": "insufficient_aal"}'::jsonb;
  end if;

  select f.* into v_factor
  from auth.mfa_factors as f
  where f.user_id = v_session.user_id
  and f.factor_type = 'recovery_code';

  if found <> make_recovery_codes.again then
    return jsonb_build_object('error', case
      when found then 'mfa_verified_factor_exists'
      else 'mfa_factor_not_found'
    end);
  end if;

  if make_recovery_codes.again then
    update auth.mfa_factors as f
    set updated_at = v_now
    where f.id = v_factor.id;
    delete from auth.mfa_recovery_codes as c
    where c.factor_id = v_factor.id;
  else
    insert into auth.mfa_factors as f (
      user_id, friendly_name, factor_type, status, created_at, updated_at
    )
    values (
      v_session.user_id,
      coalesce(nullif(trim(make_recovery_codes.friendly_name), ''), 'Recovery codes'),
      'recovery_code', 'verified', v_now, v_now
    )
    on conflict do nothing
    returning f.* into v_factor;
    if not found then
      return '{"error": "mfa_factor_name_conflict"}'::jsonb;
    end if;
  end if;

  -- 120 bits each, so that a plain hash is enough (OWASP ASVS 5.0, 6.5.2).
  select array_agg(auth.random_text(24)) into v_codes
  from generate_series(1, 10);
  insert into auth.mfa_recovery_codes (factor_id, code_hash, created_at)
  select v_factor.id, sha256(convert_to(c.code, 'UTF8')), v_now
  from unnest(v_codes) as c (code);
  perform audit.record(
    'mfa_recovery_codes.made', v_session.user_id::text,
    jsonb_build_object('factor', v_factor.id, 'again', make_recovery_codes.again)
  );

  return jsonb_build_object(
    'id', v_factor.id,
    'type', 'recovery_code',
    'friendly_name', v_factor.friendly_name,
    'total', cardinality(v_codes),
    'codes', to_jsonb(v_codes)
  );
end;
$$;

comment on function auth.make_recovery_codes(uuid, boolean, text) is
  'Makes ten recovery codes for the user of a session, which must be of aal2; again replaces those
that there are. Returns {"id", "type", "friendly_name", "total", "codes"}: the codes can be read
here alone, only their SHA-256 is kept. Or {"error"}: session_not_found, insufficient_aal,
mfa_recovery_codes_sole_factor for who has no other factor, mfa_verified_factor_exists,
mfa_factor_not_found, mfa_factor_name_conflict, mfa_recovery_codes_enroll_not_enabled.';

revoke all on function auth.make_recovery_codes(uuid, boolean, text) from public;
grant execute on function auth.make_recovery_codes(uuid, boolean, text) to service_role;
