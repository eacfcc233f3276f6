create or replace function jobs.cron_next(
  expression text,
  zone text default 'UTC',
  after timestamptz default now()
)
  returns timestamptz
  language plpgsql
  stable
  strict
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_seconds bigint;
  v_cron record;
  v_after timestamptz := after;
  v_wall timestamp;
  v_offset interval;
  v_next timestamptz;
  v_earlier timestamptz;
  v_change timestamptz;
begin
  -- Neither abbreviations, whose offset is fixed, nor what Postgres would take for a rule of POSIX.
  if zone !~* '^(utc|gmt|[a-z_]+(/[a-z_-]+)+|etc/gmt[+-][0-9]{1,2})$' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('cron: %L names no time zone', zone),
      hint = 'Write UTC or a name such as Europe/Berlin.';
  end if;
  if not isfinite(after) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'cron: nothing comes after the end of time';
  end if;

  v_seconds := jobs.cron_period(expression);
  if v_seconds is not null then
    return to_timestamp((floor(extract(epoch from after) / v_seconds) + 1) * v_seconds);
  end if;

  v_cron := jobs.cron_fields(expression);
  v_wall := date_trunc('minute', after at time zone zone) + interval '1 minute';

  -- Clocks that are put back within a day: what they show until then comes first, what they show
  -- again after that. In hours, since a day of a timestamptz is one of the session's zone.
  v_offset := after at time zone zone - after at time zone 'UTC';
  v_next := after + interval '24 hours';
  if not v_cron.is_fixed and v_next at time zone zone - v_next at time zone 'UTC' < v_offset then
    v_change := jobs.clock_change(zone, after, v_next);
    v_next := (
      jobs.cron_wall(
        v_cron.minutes, v_cron.hours, v_cron.days, v_cron.months, v_cron.weekdays,
        v_cron.is_any_day, v_wall
      ) - v_offset
    ) at time zone 'UTC';
    if v_next < v_change then
      return v_next;
    end if;
    v_after := v_change - interval '1 microsecond';
    v_wall := date_trunc('minute', v_change at time zone zone + interval '59 seconds');
  end if;

  while v_wall < after at time zone zone + interval '50 years' loop
    v_wall := jobs.cron_wall(
      v_cron.minutes, v_cron.hours, v_cron.days, v_cron.months, v_cron.weekdays,
      v_cron.is_any_day, v_wall
    );
    -- The later one of two times that the clock shows this, and perhaps the earlier one.
    v_next := v_wall at time zone zone;
    v_earlier := v_next - interval '24 hours';
    if v_next at time zone zone = v_wall then
      v_offset := v_earlier at time zone zone - v_earlier at time zone 'UTC';
      v_earlier := (v_wall - v_offset) at time zone 'UTC';
      if v_earlier at time zone zone <> v_wall then
        v_earlier := v_next;
      end if;
      if v_earlier > v_after then
        return v_earlier;
      elsif v_next > v_after and not v_cron.is_fixed then
        return v_next;
      end if;
    elsif v_cron.is_fixed then
      -- It never shows this, because it was put forward then.
      v_next := jobs.clock_change(zone, v_earlier, v_next);
      if v_next > v_after then
        return v_next;
      end if;
    end if;
    v_wall := v_wall + interval '1 minute';
  end loop;

  raise exception using
    errcode = 'invalid_parameter_value',
    message = format('cron: clocks of %s never show what %L means', zone, expression);
end;
$$;

comment on function jobs.cron_next(text, text, timestamptz) is
  'When a cron expression is due next in a time zone, later than after. The expression has five
fields as in crontab(5): minute (0-59), hour (0-23), day of the month (1-31), month (1-12, jan-dec)
and day of the week (0-7, sun-sat; 0 and 7 are Sunday), each of them * for all, a number, a range
(1-5), either with a step (*/15, 10-30/5), or a list of these; or it is @hourly, @daily, @weekly,
@monthly or @yearly. If neither of the two fields for days begins with *, a day is meant when one of
them fits, else when both do. ''@every 90 seconds'' is a period of 1 second to 366 days, counted
from 1970 in UTC. If neither minute nor hour begins with *, each time comes once a day: when clocks
are put back, the first time that they show it; when they are put forward past it, at that moment.
Else it follows the clocks: what they show twice comes twice, what they pass over does not. Raises
22023, with a hint, for an expression or a zone that cannot be, and for days that never come.';

revoke all on function jobs.cron_next(text, text, timestamptz) from public;
grant execute on function jobs.cron_next(text, text, timestamptz) to service_role;
