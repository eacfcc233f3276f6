create or replace function jobs.state_of(lane integer, xid xid8, id bigint)
  returns text
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
begin atomic
  select case
    when exists (
      select from jobs.batches as b
      where b.jobs @> state_of.id
      and not b.done @> state_of.id
    ) then 'running'
    when coalesce(
      (
        select
          (state_of.xid < k.past and state_of.xid <> all (k.past_open))
          or (
            k.seen is not null and state_of.xid < k.seen and state_of.xid <> all (k.seen_open)
            and (state_of.xid, state_of.id) <= (k.xid, k.id)
          )
        from jobs.cursors as k
        where k.lane = state_of.lane
        order by k.seq desc
        limit 1
      ),
      false
    ) then case
      when exists (
        select from jobs.failures as f
        where f.job = state_of.id
        and f.outcome = 'cancelled'
      ) then 'cancelled'
      else 'completed'
    end
    when exists (select from jobs.cancelled as c where c.id = state_of.id) then 'cancelled'
    else 'ready'
  end;
end;

comment on function jobs.state_of(integer, xid8, bigint) is
  'Returns ready, running, completed or cancelled, for the last row of a job in jobs.ready.';

revoke all on function jobs.state_of(integer, xid8, bigint) from public;
grant execute on function jobs.state_of(integer, xid8, bigint) to service_role, authenticated;
