create or replace function auth.note_providers(user_id uuid)
  returns void
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  update auth.users as u
  set raw_app_meta_data = coalesce(u.raw_app_meta_data, '{}')
        || jsonb_build_object(
          'provider', case
            when p.names ? (u.raw_app_meta_data ->> 'provider')
              then u.raw_app_meta_data ->> 'provider'
            else p.names ->> 0
          end,
          'providers', p.names
        ),
      updated_at = clock_timestamp()
  from (
    select coalesce(jsonb_agg(f.provider order by f.first_at, f.provider), '[]') as names
    from (
      select i.provider, min(i.created_at) as first_at
      from auth.identities as i
      where i.user_id = note_providers.user_id
      group by i.provider
    ) as f
  ) as p
  where u.id = note_providers.user_id;
$$;

comment on function auth.note_providers(uuid) is
  'Writes into a user''s app_metadata by what they sign in: provider (the first) and providers.';

revoke all on function auth.note_providers(uuid) from public;
grant execute on function auth.note_providers(uuid) to service_role;
