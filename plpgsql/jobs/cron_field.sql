create or replace function jobs.cron_field(field text, content text)
  returns bigint
  language plpgsql
  immutable
  strict
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_low constant integer := case when field in ('day of the month', 'month') then 1 else 0 end;
  -- What * means; of days of the week 7 may be written too.
  v_high constant integer := case field
    when 'minute' then 59 when 'hour' then 23 when 'day of the month' then 31 when 'month' then 12
    when 'day of the week' then 6
  end;
  v_top constant integer := case when field = 'day of the week' then 7 else v_high end;
  v_names constant text[] := case field
    when 'month' then array[
      'jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'
    ]
    when 'day of the week' then array['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
  end;
  v_item text;
  v_parts text[];
  v_from integer;
  v_to integer;
  v_step integer;
  v_mask bigint := 0;
begin
  foreach v_item in array regexp_split_to_array(lower(content), ',') loop
    v_parts := regexp_match(
      v_item, '^(?:(\*)|([0-9]{1,4}|[a-z]{3})(?:-([0-9]{1,4}|[a-z]{3}))?)(?:/([0-9]{1,4}))?$'
    );
    v_step := coalesce(v_parts[4], '1')::integer;
    v_from := case
      when v_parts[1] is not null then v_low
      when v_parts[2] ~ '^[0-9]' then v_parts[2]::integer
      else v_low - 1 + array_position(v_names, v_parts[2])
    end;
    v_to := case
      when v_parts[1] is not null or v_parts[3] is null and v_parts[4] is not null then v_high
      when v_parts[3] is null then v_from
      when v_parts[3] ~ '^[0-9]' then v_parts[3]::integer
      when v_parts[3] = 'sun' and v_from > 0 then 7
      else v_low - 1 + array_position(v_names, v_parts[3])
    end;
    if (
      v_from >= v_low and v_to <= v_top and v_from <= v_to
      and v_step between 1 and v_high - v_low + 1
    ) is not true then
      raise exception using
        errcode = 'invalid_parameter_value',
        message = format('cron: %L is no %s', v_item, field),
        hint = format(
          'Write numbers from %s to %s%s, ranges of them from low to high (%s), * for all, steps '
          'of 1 to %s in either (*/2, %s/2), or several of these with commas.',
          v_low, v_top,
          case field
            when 'month' then ' or names from jan to dec'
            when 'day of the week' then ' (0 and 7 are Sunday) or names from sun to sat'
            else ''
          end,
          format('%s-%s', v_low + 1, v_low + 4), v_high - v_low + 1,
          format('%s-%s', v_low + 1, v_low + 4)
        );
    end if;
    for v_value in v_from .. v_to by v_step loop
      v_mask := v_mask
        | (1::bigint << case when field = 'day of the week' then v_value % 7 else v_value end);
    end loop;
  end loop;
  return v_mask;
end;
$$;

comment on function jobs.cron_field(text, text) is
  'What a field of a cron expression stands for: bit n is set where n is meant, and Sunday is 0. The
field is minute, hour, day of the month, month or day of the week. Raises 22023 for what it cannot
hold.';

revoke all on function jobs.cron_field(text, text) from public;
grant execute on function jobs.cron_field(text, text) to service_role;
