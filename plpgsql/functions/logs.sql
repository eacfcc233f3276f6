create or replace function functions.logs(
  name text,
  since timestamptz default '-infinity',
  min_level text default 'debug',
  of_invocation uuid default null,
  max_lines integer default 100,
  before timestamptz default 'infinity',
  before_invocation uuid default null,
  before_seq integer default null
)
  returns table (
    at timestamptz,
    level text,
    message text,
    is_truncated boolean,
    invocation uuid,
    seq integer,
    version integer
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_levels constant text[] := array['debug', 'info', 'warn', 'error'];
begin
  if min_level is null or min_level <> all (v_levels) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a level is debug, info, warn or error';
  end if;

  return query
  select r.at, r.level, r.message, r.is_truncated, r.invocation, r.seq, r.version
  from (
    select l.at, l.level, l.message, l.is_truncated, l.invocation, l.seq, l.version
    from functions.logs as l
    where l.function = logs.name
    and l.at >= logs.since
    and l.at <= logs.before
    and (
      l.at < logs.before
      or (l.invocation, l.seq) < (logs.before_invocation, logs.before_seq)
    )
    and l.level = any (v_levels[array_position(v_levels, logs.min_level):])
    and (logs.of_invocation is null or l.invocation = logs.of_invocation)
    order by l.at desc, l.invocation desc, l.seq desc
    limit least(greatest(coalesce(logs.max_lines, 100), 1), 10000)
  ) as r
  order by r.at, r.invocation, r.seq;
end;
$$;

comment on function functions.logs(
  text, timestamptz, text, uuid, integer, timestamptz, uuid, integer
) is
  'The last lines that a function said since a time and before another, oldest first: those of a
level (debug, info, warn, error) and the graver ones, and of one invocation, if one is given; at
most max_lines, and never more than 10000. at, invocation and seq of the first are before,
before_invocation and before_seq of the lines before these. Raises 22023 for a level that is none.';

revoke all on function functions.logs(
  text, timestamptz, text, uuid, integer, timestamptz, uuid, integer
) from public;
grant execute on function functions.logs(
  text, timestamptz, text, uuid, integer, timestamptz, uuid, integer
) to service_role;
