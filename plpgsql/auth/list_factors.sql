create or replace function auth.list_factors(user_id uuid)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (
      select coalesce(auth.factors_json(u.id), '[]')
      from auth.users as u
      where u.id = list_factors.user_id
    ),
    '{"error": "user_not_found"}'
  );
$$;

comment on function auth.list_factors(uuid) is
  'The second factors of a user, for administrators: auth.factors_json, [] for one who has none, or
{"error": "user_not_found"}.';

revoke all on function auth.list_factors(uuid) from public;
grant execute on function auth.list_factors(uuid) to service_role;
