create or replace function jobs.step(job bigint, token bigint, name text, result jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_result jsonb;
begin
  -- Whoever ends the job waits for this, or this for him.
  update jobs.batches as b
  set special = true
  where b.token = step.token
  and b.jobs @> step.job
  and not b.done @> step.job;
  if not found then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('job %s does not run under the token %s', job, token);
  end if;

  insert into jobs.steps as s (job, name, result)
  values (step.job, step.name, step.result)
  on conflict on constraint steps_pkey do nothing;

  select s.result into strict v_result
  from jobs.steps as s
  where s.job = step.job
  and s.name = step.name;
  return v_result;
end;
$$;

comment on function jobs.step(bigint, bigint, text, jsonb) is
  'Stores what a step of a running job has come to, and returns it; or, if that is known from an
earlier attempt, returns what it came to then and changes nothing. Raises 55000 when the job does
not run under this token any more. jobs.steps has those that are done.';

revoke all on function jobs.step(bigint, bigint, text, jsonb) from public;
grant execute on function jobs.step(bigint, bigint, text, jsonb) to service_role;
