create or replace function auth.issue_service_key(
  name text,
  kind text default 'secret',
  role text default null,
  modules text[] default null,
  schemas text[] default null,
  read_only boolean default false,
  addresses cidr[] default null,
  expires_at timestamptz default null,
  out id text,
  out key text
)
  returns record
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  issue_service_key.role := coalesce(
    issue_service_key.role,
    case issue_service_key.kind when 'secret' then 'service_role' else 'anon' end
  );
  if to_regrole(quote_ident(issue_service_key.role)) is null then
    raise exception using
      errcode = 'undefined_object',
      message = format('role "%s" does not exist', issue_service_key.role);
  end if;
  if greatest(array_ndims(issue_service_key.schemas), array_ndims(issue_service_key.addresses)) > 1
  then
    raise exception using
      errcode = 'array_subscript_error',
      message = 'schemas and addresses are lists, not lists of lists';
  end if;
  if issue_service_key.expires_at <= clock_timestamp() then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the key would have expired already';
  end if;

  issue_service_key.id := auth.random_text(12);
  issue_service_key.key := format(
    'sb_%s_%s_%s', issue_service_key.kind, issue_service_key.id, auth.random_text(32)
  );

  insert into auth.service_keys (
    id, name, kind, hash, role, modules, schemas, read_only, addresses, created_by, expires_at
  )
  values (
    issue_service_key.id,
    auth.require_value(issue_service_key.name, 'name'),
    auth.require_value(issue_service_key.kind, 'kind'),
    sha256(convert_to(issue_service_key.key, 'UTF8')),
    issue_service_key.role,
    issue_service_key.modules, issue_service_key.schemas,
    coalesce(issue_service_key.read_only, false), issue_service_key.addresses, audit.actor(),
    issue_service_key.expires_at
  );

  perform audit.record(
    'service_key.issued',
    issue_service_key.id,
    jsonb_strip_nulls(jsonb_build_object(
      'name', issue_service_key.name, 'kind', issue_service_key.kind,
      'role', issue_service_key.role, 'modules', issue_service_key.modules,
      'schemas', issue_service_key.schemas, 'read_only', issue_service_key.read_only,
      'addresses', issue_service_key.addresses, 'expires_at', issue_service_key.expires_at
    ))
  );
end;
$$;

comment on function auth.issue_service_key(
  text, text, text, text[], text[], boolean, cidr[], timestamptz
) is
  'Makes a key: secret, for servers (service_role unless role says another), or publishable, for
apps and pages (anon). modules (rest, auth, realtime, jobs, functions, admin), schemas, read_only
and addresses bound what it is for; null is no bound. Returns its id and the key, which nobody can
read again: only its SHA-256 is kept. Raises 23514 for what can''t be, 42704 for a role that does
not exist.';

revoke all on function auth.issue_service_key(
  text, text, text, text[], text[], boolean, cidr[], timestamptz
) from public;
grant execute on function auth.issue_service_key(
  text, text, text, text[], text[], boolean, cidr[], timestamptz
) to service_role;
