create or replace function jobs.admit(most integer default 1000)
  returns timestamptz
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
  set enable_bitmapscan = off
as $$
declare
  v_key record;
  v_limit jobs.limits;
  v_full_at timestamptz;
  v_free bigint;
  v_room bigint;
  v_count bigint;
  v_jobs jobs.waiting[];
begin
  for v_key in
    select distinct k.namespace, k.key
    from (
      select d.namespace, d.key
      from jobs.knocks as d
      where d.at <= clock_timestamp()
      order by d.at
      limit admit.most
    ) as k
    order by k.namespace, k.key
  loop
    -- Who has it looks now; this knock stays for the next one, who sees what that has decided.
    continue when not pg_try_advisory_xact_lock(
      7710, hashtext(v_key.namespace || ' ' || v_key.key)
    );

    -- Before it is looked for jobs, so that none is overlooked of which a knock was answered.
    delete from jobs.knocks as k
    where k.namespace = v_key.namespace
    and k.key = v_key.key;

    select l.* into v_limit
    from jobs.limits as l
    where l.namespace = v_key.namespace
    and (
      l.key = v_key.key
      or (l.key like '%*' and starts_with(v_key.key, left(l.key, -1)))
    )
    order by l.key <> v_key.key, length(l.key) desc
    limit 1;
    if not found then
      v_limit := row(v_key.namespace, v_key.key, 1, null, null);
    end if;

    select v_limit.concurrency - count(*) into v_free
    from jobs.slots as s
    where s.namespace = v_key.namespace
    and s.key = v_key.key
    and v_limit.concurrency is not null;
    v_free := least(coalesce(v_free, admit.most), admit.most);
    continue when v_free <= 0;

    v_full_at := null;
    if v_limit.rate is not null then
      select r.full_at into v_full_at
      from jobs.key_rates as r
      where r.namespace = v_key.namespace
      and r.key = v_key.key;
    end if;
    v_room := jobs.room(v_full_at, v_limit.rate, v_limit.burst, v_free);

    with taken as (
      delete from jobs.blocked as b
      where b.id in (
        select n.id
        from jobs.blocked as n
        where n.namespace = v_key.namespace
        and n.key = v_key.key
        order by n.priority, n.id
        limit v_room
      )
      returning b.*
    ),
    slot as (
      insert into jobs.slots (id, namespace, key)
      select t.id, t.namespace, t.key
      from taken as t
    )
    select count(*), array_agg(row(
      t.id, clock_timestamp(), t.enqueued_at, t.owner, t.lane, t.attempt, t.max_attempts, true,
      t.kind, t.args, t.meta
    )::jobs.waiting order by t.priority, t.id)
    into v_count, v_jobs
    from taken as t;

    if v_count > 0 then
      perform jobs.add_ready(v_jobs);
      if v_limit.rate is not null then
        insert into jobs.key_rates as r (namespace, key, full_at)
        values (
          v_key.namespace, v_key.key,
          greatest(v_full_at, clock_timestamp()) + make_interval(secs => v_count / v_limit.rate)
        )
        on conflict on constraint key_rates_pkey do update
        set full_at = excluded.full_at
        returning r.full_at into v_full_at;
      end if;
    end if;

    -- The next one's turn comes by itself.
    if v_limit.rate is not null and v_room < v_free and exists (
      select from jobs.blocked as b
      where b.namespace = v_key.namespace
      and b.key = v_key.key
    ) then
      insert into jobs.knocks (namespace, key, at)
      values (
        v_key.namespace, v_key.key,
        v_full_at - make_interval(secs => (v_limit.burst - 1) / v_limit.rate)
      );
    end if;
  end loop;

  return (
    select k.at
    from jobs.knocks as k
    order by k.at
    limit 1
  );
end;
$$;

comment on function jobs.admit(integer) is
  'Lets jobs with a concurrency key run whose turn it is, as jobs.limits says, and returns when
there may be more; null if nothing waits for a time. jobs.promote calls it.';

revoke all on function jobs.admit(integer) from public;
