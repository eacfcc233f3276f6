create or replace function auth.remove_factor(user_id uuid, factor_id uuid)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform
  from auth.users as u
  where u.id = remove_factor.user_id
  for no key update;
  if not found then
    return '{"error": "user_not_found"}'::jsonb;
  end if;

  perform
  from auth.mfa_factors as f
  where f.id = remove_factor.factor_id
  and f.user_id = remove_factor.user_id;
  if not found then
    return '{"error": "mfa_factor_not_found"}'::jsonb;
  end if;

  perform auth.delete_factor(remove_factor.factor_id);
  return jsonb_build_object('id', remove_factor.factor_id);
end;
$$;

comment on function auth.remove_factor(uuid, uuid) is
  'Takes a factor from a user, by an administrator: for one who has lost it. Sessions that were
raised by it end, since somebody else may have it. Returns {"id"} or {"error"}: user_not_found,
mfa_factor_not_found.';

revoke all on function auth.remove_factor(uuid, uuid) from public;
grant execute on function auth.remove_factor(uuid, uuid) to service_role;
