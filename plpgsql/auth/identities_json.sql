create or replace function auth.identities_json(user_id uuid)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'identity_id', i.id,
          'id', i.provider_id,
          'user_id', i.user_id,
          'identity_data', i.identity_data,
          'provider', i.provider,
          'last_sign_in_at', auth.time_text(i.last_sign_in_at),
          'created_at', auth.time_text(i.created_at),
          'updated_at', auth.time_text(i.updated_at)
        ) || case when i.email is null then '{}' else jsonb_build_object('email', i.email) end
        order by i.created_at, i.id
      ),
      '[]'
    )
    from auth.identities as i
    where i.user_id = identities_json.user_id
  );
end;
$$;

comment on function auth.identities_json(uuid) is
  'By what a user signs in, as clients of auth know it: the field identities of auth.user_json.';

revoke all on function auth.identities_json(uuid) from public;
grant execute on function auth.identities_json(uuid) to service_role;
