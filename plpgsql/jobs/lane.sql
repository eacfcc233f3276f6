create or replace function jobs.lane(namespace text, queue text, priority integer)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_lane integer;
begin
  select l.id into v_lane
  from jobs.lanes as l
  where l.namespace = lane.namespace
  and l.queue = lane.queue
  and l.priority = lane.priority
  and not exists (select from jobs.homes as h where h.xid <> h.xmin)
  order by l.id
  limit 1;

  if v_lane is not null then
    return v_lane;
  end if;
  if jobs.adopt() then
    return jobs.lane(lane.namespace, lane.queue, lane.priority);
  end if;
  -- Each is a table's row for ever, and a lock.
  if priority is null or priority not between 0 and 9 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the priority of a job is a number from 0, the most urgent, to 9';
  end if;
  if coalesce(namespace, '') !~ '^[A-Za-z0-9_.:-]{1,100}$'
  or coalesce(queue, '') !~ '^[A-Za-z0-9_.:-]{1,100}$' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a queue and its namespace are named by 1 to 100 letters, digits or _ . : -';
  end if;

  -- If another makes it at this moment there are two, and each is as good.
  insert into jobs.lanes (namespace, queue, priority)
  values (lane.namespace, lane.queue, lane.priority)
  returning id into v_lane;
  return v_lane;
end;
$$;

comment on function jobs.lane(text, text, integer) is
  'Returns the lane of jobs of a priority in a queue, and makes it if it was never used. Raises
22023 for a name or priority that cannot be.';

revoke all on function jobs.lane(text, text, integer) from public;
