create or replace function jobs.meta(
  kind text,
  max_attempts integer,
  timeout interval,
  concurrency_key text default null
)
  returns jsonb
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_trace constant text := nullif(left(current_setting('request.traceparent', true), 55), '');
  v_schedule constant text := nullif(current_setting('fluxbase.schedule', true), '');
begin
  if coalesce(length(kind), 0) not between 1 and 200 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the kind of a job is a text of 1 to 200 characters';
  end if;
  if max_attempts is null or max_attempts not between 1 and 1000 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a job is tried from 1 to 1000 times';
  end if;
  if timeout <= '0' or timeout > '30 days' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the time that a job may take is more than none and at most 30 days';
  end if;
  if length(concurrency_key) not between 1 and 500 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a concurrency key is a text of 1 to 500 characters';
  end if;
  if timeout is null and v_trace is null and concurrency_key is null and v_schedule is null then
    return null;
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'timeout', extract(epoch from timeout), 'traceparent', v_trace, 'key', concurrency_key,
    'schedule', v_schedule::jsonb
  ));
end;
$$;

comment on function jobs.meta(text, integer, interval, text) is
  'Checks what all ways to enqueue have in common and returns the job''s meta: its time-out in
seconds, its concurrency key, the trace of the request that it comes from (the setting
request.traceparent, as in W3C Trace Context) and the schedule (fluxbase.schedule, which
jobs.enqueue_scheduled sets). Raises 22023.';

revoke all on function jobs.meta(text, integer, interval, text) from public;
