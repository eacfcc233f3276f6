create or replace function functions.deploy(
  name text,
  files jsonb,
  entrypoint text default 'index.ts',
  verify_jwt boolean default null,
  limits jsonb default null,
  egress text[] default null,
  note text default null
)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_read record;
  v_hashes bytea[];
  v_digest text;
  v_function functions.functions;
  v_settings jsonb;
  v_changed boolean;
begin
  if name is null or name !~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a function is named by 1 to 63 letters, digits, _ or -, the first no _ or -';
  end if;
  v_read := functions.read_files(deploy.files);
  if entrypoint is null or entrypoint <> all (v_read.paths) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('the entrypoint %s is not among the files', entrypoint);
  end if;

  select
    array_agg(sha256(c.content) order by c.n) into v_hashes
  from unnest(v_read.contents) with ordinality as c (content, n);
  v_digest := encode(
    sha256(
      convert_to(
        jsonb_build_array(
          deploy.entrypoint,
          (
            select jsonb_object_agg(f.path, encode(f.hash, 'hex'))
            from unnest(v_read.paths, v_hashes) as f (path, hash)
          )
        )::text,
        'UTF8'
      )
    ),
    'hex'
  );

  -- Files that nobody has any more are not swept away before those of ours are named.
  perform pg_advisory_xact_lock_shared(hashtextextended('functions.files', 0));
  insert into functions.functions as f (name)
  values (deploy.name)
  on conflict on constraint functions_pkey do nothing;
  select f.* into strict v_function
  from functions.functions as f
  where f.name = deploy.name
  for update;

  v_settings := coalesce(deploy.limits, '{}')
    || case when deploy.verify_jwt is null then '{}'
      else jsonb_build_object('verify_jwt', deploy.verify_jwt) end
    || case when deploy.egress is null then '{}'
      else jsonb_build_object('egress', deploy.egress) end;
  -- A function that was deleted had settings of its own, which must not hold for this one.
  if v_function.active is null then
    v_settings := '{
      "verify_jwt": null, "mode": null, "wall_ms": null, "cpu_ms": null, "memory_mb": null,
      "max_request_bytes": null, "max_output_bytes": null, "concurrency": null,
      "max_workers": null, "idle_seconds": null, "egress": null
    }' || v_settings;
  end if;
  v_changed := functions.change(deploy.name, v_settings);

  if exists (
    select
    from functions.versions as v
    where v.name = deploy.name
    and v.version = v_function.active
    and v.digest = v_digest
  ) then
    if v_changed then
      perform audit.record(
        'function.configured', deploy.name, jsonb_build_object('settings', v_settings)
      );
    end if;
    return v_function.active;
  end if;

  v_function.last_version := v_function.last_version + 1;
  insert into functions.versions (
    name, version, entrypoint, digest, files, bytes, deployed_by, note
  )
  values (
    deploy.name, v_function.last_version, deploy.entrypoint, v_digest, cardinality(v_read.paths),
    v_read.bytes, audit.actor(), deploy.note
  );
  -- In the order of the hashes, so that two who add the same ones wait in one order.
  insert into functions.files as f (sha256, content)
  select distinct on (n.hash) n.hash, n.content
  from unnest(v_hashes, v_read.contents) as n (hash, content)
  order by n.hash
  on conflict on constraint files_pkey do nothing;
  insert into functions.version_files (name, version, path, sha256)
  select deploy.name, v_function.last_version, n.path, n.hash
  from unnest(v_read.paths, v_hashes) as n (path, hash);

  update functions.functions as f
  set active = v_function.last_version,
      last_version = v_function.last_version,
      updated_at = clock_timestamp()
  where f.name = deploy.name;

  delete from functions.versions as v
  where v.name = deploy.name
  and v.version < v_function.last_version
  and v.version not in (
    select k.version
    from functions.versions as k
    where k.name = deploy.name
    order by k.version desc
    limit (select s.versions from functions.kept() as s)
  );

  -- Also for schedules that call functions.
  perform functions.use_queue('functions', 'default');
  perform audit.record(
    'function.deployed', deploy.name,
    jsonb_strip_nulls(
      jsonb_build_object(
        'version', v_function.last_version, 'digest', v_digest, 'note', deploy.note,
        'settings', nullif(jsonb_strip_nulls(v_settings), '{}')
      )
    )
  );
  return v_function.last_version;
end;
$$;

comment on function functions.deploy(text, jsonb, text, boolean, jsonb, text[], text) is
  'Deploys a function, as all processes serve it from the commit on, and returns the number of its
version: {"index.ts": "Deno.serve(...)"} are its files, or {"PATH": {"base64": "..."}} those that
are no text; the entrypoint is run first. What is not said of verify_jwt, the limits and the hosts
that it may connect to (egress) stays as it was, or is the default for a new function;
functions.configure tells of them. If the active version has the same files, there is no new one,
and its number is returned. note says for people what it is. The last versions are kept
(functions.keep). Raises 22023 or 23514 for what cannot be, and 54000 for more than 2000 files or
20 MiB.';

revoke all on function functions.deploy(text, jsonb, text, boolean, jsonb, text[], text)
  from public;
grant execute on function functions.deploy(text, jsonb, text, boolean, jsonb, text[], text)
  to service_role;
