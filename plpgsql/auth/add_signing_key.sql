create or replace function auth.add_signing_key(
  kid text,
  alg text,
  public_jwk jsonb,
  private_sealed text,
  only_first boolean default false
)
  returns text
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_state text;
begin
  -- One at a time: of two that make the first key, one does.
  lock table auth.signing_keys in share row exclusive mode;

  if not exists (select from auth.signing_keys as k where k.state = 'current') then
    v_state := 'current';
  elsif add_signing_key.only_first then
    return null;
  elsif exists (select from auth.signing_keys as k where k.state = 'next') then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'there is a next key already',
      hint = 'Promote it (auth.promote_signing_key), or revoke it.';
  else
    v_state := 'next';
  end if;

  insert into auth.signing_keys (
    kid, alg, public_jwk, private_sealed, state, created_by, activated_at
  )
  values (
    auth.require_value(add_signing_key.kid, 'kid'),
    auth.require_value(add_signing_key.alg, 'alg'),
    auth.require_value(add_signing_key.public_jwk, 'public_jwk'),
    add_signing_key.private_sealed, v_state, audit.actor(),
    case v_state when 'current' then now() end
  );

  perform audit.record(
    'signing_key.added',
    add_signing_key.kid,
    jsonb_build_object('alg', add_signing_key.alg, 'state', v_state)
  );
  return v_state;
end;
$$;

comment on function auth.add_signing_key(text, text, jsonb, text, boolean) is
  'Adds a key, whose private half was sealed by fluxbase signing-keys add: as the current one if
there is none, else as the next one. With only_first it does nothing and returns null if there is a
current one. Returns the state. Raises 55000 if there is a next key already, 23505 for an id
that a key has, 23514 for what can''t be.';

revoke all on function auth.add_signing_key(text, text, jsonb, text, boolean) from public;
grant execute on function auth.add_signing_key(text, text, jsonb, text, boolean) to service_role;
