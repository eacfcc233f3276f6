create or replace function functions.read_files(
  files jsonb,
  out paths text[],
  out contents bytea[],
  out bytes bigint
)
  returns record
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_wrong text;
begin
  if jsonb_typeof(files) is distinct from 'object' or files = '{}' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'files are {"PATH": "TEXT", ...}, at least one',
      hint = 'A file that is no text is {"base64": "..."}.';
  end if;

  select f.path into v_wrong
  from jsonb_object_keys(read_files.files) as f (path)
  where octet_length(f.path) not between 1 and 255
  or f.path ~ '[\\[:cntrl:]]'
  or f.path ~ '(^|/)(\.{0,2})(/|$)'
  limit 1;
  if found then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('%L cannot be the path of a file', v_wrong),
      hint = 'Paths are relative, with /, have no . or .. and at most 255 bytes.';
  end if;

  select f.path into v_wrong
  from jsonb_each(read_files.files) as f (path, file)
  where jsonb_typeof(f.file) <> 'string'
  and (
    jsonb_typeof(f.file) <> 'object'
    or jsonb_typeof(f.file -> 'base64') is distinct from 'string'
    or f.file - 'base64' <> '{}'
  )
  limit 1;
  if found then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('the file %s is neither a text nor {"base64": "..."}', v_wrong);
  end if;

  -- What is a directory of one file can't be another.
  select f.path into v_wrong
  from jsonb_object_keys(read_files.files) as f (path)
  cross join regexp_matches(f.path, '/', 'g') with ordinality as s (slash, part)
  where read_files.files ? array_to_string(
    (string_to_array(f.path, '/'))[:s.part::integer], '/'
  )
  limit 1;
  if found then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('%s is below a file', v_wrong);
  end if;

  select
    array_agg(r.path order by r.path collate "C"),
    array_agg(r.content order by r.path collate "C"),
    sum(octet_length(r.content))
  into paths, contents, bytes
  from (
    select
      f.path,
      case jsonb_typeof(f.file)
        when 'string' then convert_to(f.file #>> '{}', 'UTF8')
        else decode(f.file ->> 'base64', 'base64')
      end as content
    from jsonb_each(read_files.files) as f (path, file)
  ) as r;

  if cardinality(paths) > 2000 or bytes > 20 * 1024 * 1024 then
    raise exception using
      errcode = 'program_limit_exceeded',
      message = format(
        'a version has at most 2000 files and 20 MiB, not %s files and %s bytes',
        cardinality(paths), bytes
      ),
      hint = 'Leave out what is not imported, or bundle: fluxbase functions deploy does with Deno.';
  end if;
end;
$$;

comment on function functions.read_files(jsonb) is
  'Takes the files of functions.deploy apart, ordered by path. Raises 22023 for a path or a file
that cannot be, and 54000 if they are too many or too large.';

revoke all on function functions.read_files(jsonb) from public;
