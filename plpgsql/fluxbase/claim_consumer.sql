create or replace function fluxbase.claim_consumer(
  name text,
  holder uuid,
  lease interval,
  epoch text
)
  returns table (fence bigint, "position" text)
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into fluxbase.consumers as c (name, holder, held_until)
  values (claim_consumer.name, claim_consumer.holder, clock_timestamp() + claim_consumer.lease)
  on conflict on constraint consumers_pkey do update
  set holder = excluded.holder,
      fence = case when c.holder = excluded.holder then c.fence else c.fence + 1 end,
      held_until = excluded.held_until,
      -- Not by who claims it first: from that commit on nobody lets go of the log, so
      -- that this place is still there for all.
      position = case
        when c.position is null and c.holder = excluded.holder
          then claim_consumer.epoch || '/' || pg_current_wal_insert_lsn()
        else c.position
      end
  where c.holder = excluded.holder
  or c.held_until < clock_timestamp()
  returning c.fence, c.position
$$;

comment on function fluxbase.claim_consumer(text, uuid, interval, text) is
  'Lets a process (holder) do the work of a name for lease from now on, and returns the fence that
it must show and the position up to which all is done; no row while another process holds it. A new
one has no position yet: call it once more to begin here and now, in an epoch (system id/timeline).
A lease of no time gives it back.';

revoke all on function fluxbase.claim_consumer(text, uuid, interval, text) from public;
grant execute on function fluxbase.claim_consumer(text, uuid, interval, text)
  to fluxbase_replication, service_role;
