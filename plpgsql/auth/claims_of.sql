create or replace function auth.claims_of(session_id uuid)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_build_object(
      'sub', u.id,
      'aud', coalesce(u.aud, ''),
      'iat', t.now,
      'exp', t.now + ceil(extract(epoch from s.tokens_until - clock_timestamp()))::bigint,
      'email', coalesce(u.email, ''),
      'phone', coalesce(u.phone, ''),
      'app_metadata', coalesce(u.raw_app_meta_data, '{}'),
      'user_metadata', coalesce(u.raw_user_meta_data, '{}'),
      'role', coalesce(u.role, ''),
      'aal', s.aal,
      'amr', coalesce(a.amr, '[]'),
      'session_id', s.id,
      'is_anonymous', u.is_anonymous
    )
    || case
      when s.impersonator is null then '{}'
      -- RFC 8693, section 4.1.
      else jsonb_build_object('act', jsonb_build_object('sub', s.impersonator))
    end
    from auth.sessions as s
    join auth.users as u on u.id = s.user_id
    cross join (select floor(extract(epoch from clock_timestamp()))::bigint as now) as t
    cross join lateral (
      select jsonb_agg(
        jsonb_build_object(
          'method', m.authentication_method,
          'timestamp', floor(extract(epoch from m.updated_at))::bigint
        )
        order by m.updated_at desc, m.id
      ) as amr
      from auth.mfa_amr_claims as m
      where m.session_id = s.id
    ) as a
    where s.id = claims_of.session_id
  );
end;
$$;

comment on function auth.claims_of(uuid) is
  'What an access token of a session says, but for its issuer, which the process adds that signs it.
It expires at the session''s tokens_until. Null for a session that is not there.';

revoke all on function auth.claims_of(uuid) from public;
grant execute on function auth.claims_of(uuid) to service_role;
