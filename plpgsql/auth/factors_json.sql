create or replace function auth.factors_json(user_id uuid)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_agg(
      jsonb_strip_nulls(jsonb_build_object(
        'id', f.id,
        'created_at', auth.time_text(f.created_at),
        'updated_at', auth.time_text(f.updated_at),
        'status', f.status,
        'friendly_name', nullif(f.friendly_name, ''),
        'factor_type', f.factor_type,
        'phone', f.phone,
        'last_challenged_at', auth.time_text(f.last_challenged_at)
      ))
      order by f.created_at, f.id
    )
    from auth.mfa_factors as f
    where f.user_id = factors_json.user_id
  );
end;
$$;

comment on function auth.factors_json(uuid) is
  'The second factors of a user, as clients of auth know them: the field factors of auth.user_json.
No secret is in it. Null for one who has none.';

revoke all on function auth.factors_json(uuid) from public;
grant execute on function auth.factors_json(uuid) to service_role;
