create or replace function fluxbase.oldest_position(epoch text)
  returns pg_lsn
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select min(
    case
      when starts_with(c.position, oldest_position.epoch || '/')
        then substr(c.position, length(oldest_position.epoch) + 2)::pg_lsn
      when c.position is null and c.held_until > clock_timestamp()
        then '0/0'::pg_lsn
    end
  )
  from fluxbase.consumers as c
$$;

comment on function fluxbase.oldest_position(text) is
  'From which place of an epoch (system id/timeline) on the log is needed by fluxbase.consumers:
null is nowhere, 0/0 that one is about to begin.';

revoke all on function fluxbase.oldest_position(text) from public;
grant execute on function fluxbase.oldest_position(text) to fluxbase_replication;
