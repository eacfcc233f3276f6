create or replace function auth.recovery_codes_status(user_id uuid)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (
      select jsonb_build_object(
        'id', f.id,
        'type', f.factor_type,
        'total', count(c.id),
        'remaining', count(c.id) filter (where c.used_at is null)
      )
      from auth.mfa_factors as f
      left join auth.mfa_recovery_codes as c on c.factor_id = f.id
      where f.user_id = recovery_codes_status.user_id
      and f.factor_type = 'recovery_code'
      group by f.id
    ),
    '{"error": "mfa_factor_not_found"}'
  );
$$;

comment on function auth.recovery_codes_status(uuid) is
  'How many recovery codes a user has: {"id", "type", "total", "remaining"}, or {"error":
"mfa_factor_not_found"} for none.';

revoke all on function auth.recovery_codes_status(uuid) from public;
grant execute on function auth.recovery_codes_status(uuid) to service_role;
