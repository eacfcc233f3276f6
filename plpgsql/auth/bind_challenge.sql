create or replace function auth.bind_challenge(
  challenge_id uuid,
  code_hash bytea default null,
  session_data jsonb default null
)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update auth.mfa_challenges as c
  set code_hash = bind_challenge.code_hash,
      web_authn_session_data = bind_challenge.session_data
  where c.id = bind_challenge.challenge_id
  -- What was bound stays: nobody swaps the code under an attempt.
  and c.code_hash is null
  and c.web_authn_session_data is null
  and c.verified_at is null;
  return found;
end;
$$;

comment on function auth.bind_challenge(uuid, bytea, jsonb) is
  'Says once what the answer to a challenge must fit: the HMAC of the code that is sent to a phone,
or the data of a ceremony of WebAuthn. Returns whether it was so.';

revoke all on function auth.bind_challenge(uuid, bytea, jsonb) from public;
grant execute on function auth.bind_challenge(uuid, bytea, jsonb) to service_role;
