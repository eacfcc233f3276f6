create or replace function jobs.hold_key(
  namespace text,
  unique_key text,
  on_conflict text,
  args jsonb,
  run_at timestamptz
)
  returns bigint
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_id bigint;
  v_state text;
begin
  if on_conflict is null or on_conflict not in ('keep', 'replace', 'debounce') then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'on_conflict is keep, replace or debounce';
  end if;

  loop
    -- Waits for a transaction that holds the key and is not decided.
    insert into jobs.specials as s (id, namespace, unique_key)
    values (nextval('jobs.ids'), hold_key.namespace, hold_key.unique_key)
    on conflict on constraint specials_namespace_unique_key_key do nothing
    returning s.id into v_id;
    if v_id is not null then
      return v_id;
    end if;

    if on_conflict = 'keep' then
      select s.id into v_id
      from jobs.specials as s
      where s.namespace = hold_key.namespace
      and s.unique_key = hold_key.unique_key;
    else
      -- The lock keeps it from being claimed, see jobs.take.
      select s.id into v_id
      from jobs.specials as s
      where s.namespace = hold_key.namespace
      and s.unique_key = hold_key.unique_key
      for update;
    end if;
    -- It has ended since.
    continue when v_id is null;

    select j.state into v_state
    from jobs.jobs as j
    where j.id = v_id;
    if v_state is null or v_state not in ('ready', 'blocked', 'scheduled', 'running') then
      -- It ended while its row was locked, see jobs.forget.
      delete from jobs.specials as s
      where s.id = v_id;
      continue;
    end if;

    if on_conflict = 'keep' then
      return -v_id;
    end if;
    if v_state = 'running' then
      update jobs.specials as s
      set unique_key = null
      where s.id = v_id;
      continue;
    end if;

    update jobs.specials as s
    set args = hold_key.args,
        run_at = case when on_conflict = 'debounce' then hold_key.run_at else s.run_at end
    where s.id = v_id;

    if on_conflict = 'debounce' then
      update jobs.waiting as w
      set run_at = coalesce(hold_key.run_at, clock_timestamp())
      where w.id = v_id
      and w.run_at < 'infinity';
    end if;
    return -v_id;
  end loop;
end;
$$;

comment on function jobs.hold_key(text, text, text, jsonb, timestamptz) is
  'Takes a unique key for a new job and returns its id. If a job that has not ended has the key,
and is the one to run, returns its id with a minus sign, changed as on_conflict says: see
jobs.enqueue.';

revoke all on function jobs.hold_key(text, text, text, jsonb, timestamptz) from public;
