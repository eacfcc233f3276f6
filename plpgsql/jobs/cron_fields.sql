create or replace function jobs.cron_fields(
  expression text,
  out minutes bigint,
  out hours bigint,
  out days bigint,
  out months bigint,
  out weekdays bigint,
  out is_any_day boolean,
  out is_fixed boolean
)
  language plpgsql
  immutable
  strict
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_expression constant text := btrim(lower(expression), E' \t\r\n');
  v_fields constant text[] := regexp_split_to_array(case v_expression
    when '@yearly' then '0 0 1 1 *'
    when '@annually' then '0 0 1 1 *'
    when '@monthly' then '0 0 1 * *'
    when '@weekly' then '0 0 * * 0'
    when '@daily' then '0 0 * * *'
    when '@midnight' then '0 0 * * *'
    when '@hourly' then '0 * * * *'
    else v_expression
  end, '\s+');
begin
  if cardinality(v_fields) <> 5 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('cron: %L has not five fields', expression),
      hint = 'Write minute, hour, day of the month, month and day of the week, such as '
        '''30 2 * * mon-fri''; or @hourly, @daily, @weekly, @monthly or @yearly; or a period such '
        'as ''@every 90 seconds''.';
  end if;

  minutes := jobs.cron_field('minute', v_fields[1]);
  hours := jobs.cron_field('hour', v_fields[2]);
  days := jobs.cron_field('day of the month', v_fields[3]);
  months := jobs.cron_field('month', v_fields[4]);
  weekdays := jobs.cron_field('day of the week', v_fields[5]);
  is_any_day := left(v_fields[3], 1) <> '*' and left(v_fields[5], 1) <> '*';
  is_fixed := left(v_fields[1], 1) <> '*' and left(v_fields[2], 1) <> '*';
end;
$$;

comment on function jobs.cron_fields(text) is
  'Reads a cron expression of five fields, or @hourly and its like. The fields are as
jobs.cron_field has them. is_any_day tells that a day is meant if either of its two fields fits
(neither begins with *), else both have to; is_fixed that neither minutes nor hours begin with *.
Raises 22023 for what is none.';

revoke all on function jobs.cron_fields(text) from public;
grant execute on function jobs.cron_fields(text) to service_role;
