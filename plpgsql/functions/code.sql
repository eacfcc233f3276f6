create or replace function functions.code(name text, version integer)
  returns table (path text, sha256 text, content bytea)
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select v.path, encode(v.sha256, 'hex'), f.content
  from functions.version_files as v
  join functions.files as f on f.sha256 = v.sha256
  where v.name = code.name
  and v.version = code.version
  order by v.path collate "C";
$$;

comment on function functions.code(text, integer) is
  'The files of a version, with the SHA-256 of each in hexadecimal; none if it is not kept.';

revoke all on function functions.code(text, integer) from public;
grant execute on function functions.code(text, integer) to service_role;
