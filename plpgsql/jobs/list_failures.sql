create or replace function jobs.list_failures(
  queue text default null,
  kind text default null,
  namespace text default null,
  outcome text default null,
  before bigint default null,
  most integer default 100
)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
  set enable_bitmapscan = off
as $$
declare
  v_failures jsonb;
  v_last bigint;
  v_count bigint;
begin
  if most is null or most < 1 then
    raise exception using
      errcode = 'invalid_parameter_value', message = 'a page has one failure at least';
  end if;

  select
    coalesce(jsonb_agg(f.failure order by f.id desc) filter (where f.fits), '[]'), min(f.id),
    count(*)
  into v_failures, v_last, v_count
  from (
    select f.id, f.fits, jsonb_strip_nulls(jsonb_build_object(
      'id', f.id, 'job', f.job, 'attempt', f.attempt, 'at', f.at, 'outcome', f.outcome,
      'kind', f.kind, 'namespace', f.namespace, 'queue', f.queue, 'worker', f.worker,
      'error', left(f.error, 2000), 'stack', left(f.stack, 2000)
    )) as failure
    from (
      select
        f.*, l.namespace, l.queue, row_number() over (order by f.id desc) as number,
        (list_failures.queue is null or l.queue = list_failures.queue)
          and (list_failures.kind is null or f.kind = list_failures.kind)
          and (list_failures.namespace is null or l.namespace = list_failures.namespace)
          and (list_failures.outcome is null or f.outcome = list_failures.outcome) as fits
      from jobs.failures as f
      join jobs.lanes as l on l.id = f.lane
      where f.id < coalesce(before, 9223372036854775807)
      order by f.id desc
      limit 10000
    ) as f
    where f.fits
    or f.number = 10000
    order by f.id desc
    limit least(most, 1000)
  ) as f;
  return jsonb_build_object(
    'failures', v_failures,
    'next', case
      when v_count = least(most, 1000) or jsonb_array_length(v_failures) < v_count then v_last
    end
  );
end;
$$;

comment on function jobs.list_failures(text, text, text, text, bigint, integer) is
  'Attempts that did not succeed, the newest first: of a queue, kind, namespace and outcome, each
unless null. Returns {"failures", "next"}: error and stack are cut to 2,000 characters (jobs.get_job
has all); next, given as before, is the next page, and null at the end. A page has at most so many
and 1000, of 10,000 that are looked at; so it may be short or empty with a next.';

revoke all on function jobs.list_failures(text, text, text, text, bigint, integer) from public;
grant execute on function jobs.list_failures(text, text, text, text, bigint, integer)
  to service_role;
