create or replace function jobs.cron_period(expression text)
  returns bigint
  language plpgsql
  immutable
  strict
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_text constant text := (regexp_match(lower(expression), '^\s*@every\M(.*)$'))[1];
  v_seconds numeric;
begin
  if v_text is null then
    return null;
  end if;
  -- Not by a cast to interval, for which 1 is a second and a month is 30 days.
  if v_text ~ concat(
    '^(\s*[0-9]{1,8}\s*',
    '(s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?|w|weeks?)(?![a-z]))+\s*$'
  ) then
    v_seconds := (
      select sum(part[1]::bigint * case part[2]
        when 's' then 1 when 'm' then 60 when 'h' then 3600 when 'd' then 86400 else 604800
      end)
      from regexp_matches(v_text, '([0-9]+)\s*([a-z])', 'g') as part
    );
  end if;
  if (v_seconds between 1 and 366 * 86400) is not true then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('cron: %L is no period', expression),
      hint = 'Write a time from 1 second to 366 days in seconds, minutes, hours, days or weeks, '
        'such as ''@every 90 seconds'' or ''@every 1h 30m''.';
  end if;
  return v_seconds;
end;
$$;

comment on function jobs.cron_period(text) is
  'The seconds of a cron expression such as ''@every 90 seconds''; null for one of fields. Raises
22023 for a period that cannot be.';

revoke all on function jobs.cron_period(text) from public;
grant execute on function jobs.cron_period(text) to service_role;
