create or replace function auth.end_legacy_keys(
  reason text,
  issued_before timestamptz default null,
  jti text default null,
  token text default null
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into auth.legacy_key_revocations (issued_before, jti, token_hash, reason, revoked_by)
  values (
    end_legacy_keys.issued_before, end_legacy_keys.jti,
    sha256(convert_to(end_legacy_keys.token, 'UTF8')), coalesce(end_legacy_keys.reason, ''),
    audit.actor()
  );

  perform audit.record(
    'legacy_keys.revoked',
    end_legacy_keys.jti,
    jsonb_strip_nulls(jsonb_build_object(
      'issued_before', end_legacy_keys.issued_before,
      'token_sha256', encode(sha256(convert_to(end_legacy_keys.token, 'UTF8')), 'hex'),
      'reason', end_legacy_keys.reason
    ))
  );
end;
$$;

comment on function auth.end_legacy_keys(text, timestamptz, text, text) is
  'Revokes JWTs of the role service_role within the transaction of the caller, as
auth.revoke_legacy_keys does, and waits for nobody.';

revoke all on function auth.end_legacy_keys(text, timestamptz, text, text) from public;
grant execute on function auth.end_legacy_keys(text, timestamptz, text, text) to service_role;

drop policy if exists service_role_may_read on auth.legacy_key_revocations;
create policy service_role_may_read on auth.legacy_key_revocations
  for select to service_role
  using (true);
