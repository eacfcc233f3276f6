create or replace function jobs.cron_wall(
  minutes bigint,
  hours bigint,
  days bigint,
  months bigint,
  weekdays bigint,
  is_any_day boolean,
  since timestamp
)
  returns timestamp
  language plpgsql
  immutable
  strict
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- The same days again in each of six weeks, of which every month is a part.
  v_weeks constant bigint := weekdays * 34630287489;
  v_at timestamp := since;
  v_month timestamp;
  v_next timestamp;
  v_dates bigint;
  v_left bigint;
begin
  -- From one 29 February on a Sunday to the next it may be 40 years.
  while v_at < since + interval '41 years' loop
    v_month := date_trunc('month', v_at);
    v_next := v_month + interval '1 month';
    v_dates := v_weeks >> extract(dow from v_month)::integer << 1;
    v_dates := case when is_any_day then days | v_dates else days & v_dates end
      & ((1::bigint << extract(day from v_next - interval '1 day')::integer + 1) - 1)
      & (-1::bigint << extract(day from v_at)::integer);
    if (months >> extract(month from v_month)::integer) & 1 = 0 or v_dates = 0 then
      v_at := v_next;
      continue;
    end if;

    -- The lowest bit that is set.
    v_next := v_month + (strpos(reverse(v_dates::bit(64)::text), '1') - 2) * interval '1 day';
    v_at := greatest(v_at, v_next);
    v_left := minutes & (-1::bigint << extract(minute from v_at)::integer);
    if (hours >> extract(hour from v_at)::integer) & 1 = 1 and v_left <> 0 then
      return date_trunc('hour', v_at)
        + (strpos(reverse(v_left::bit(64)::text), '1') - 1) * interval '1 minute';
    end if;
    v_left := hours & (-1::bigint << extract(hour from v_at)::integer + 1);
    if v_left <> 0 then
      return v_next
        + (strpos(reverse(v_left::bit(64)::text), '1') - 1) * interval '1 hour'
        + (strpos(reverse(minutes::bit(64)::text), '1') - 1) * interval '1 minute';
    end if;
    v_at := v_next + interval '1 day';
  end loop;

  raise exception using
    errcode = 'invalid_parameter_value',
    message = 'cron: the day of the month never comes in these months',
    hint = 'February has at most 29 days; April, June, September and November have 30.';
end;
$$;

comment on function jobs.cron_wall(
  bigint, bigint, bigint, bigint, bigint, boolean, timestamp
) is
  'The first date and minute that the fields of jobs.cron_fields mean, at since (a whole minute) or
later, as a clock on the wall that is never changed shows it. Raises 22023 where there is none, as
for 30 February.';

revoke all on function jobs.cron_wall(
  bigint, bigint, bigint, bigint, bigint, boolean, timestamp
) from public;
grant execute on function jobs.cron_wall(
  bigint, bigint, bigint, bigint, bigint, boolean, timestamp
) to service_role;
