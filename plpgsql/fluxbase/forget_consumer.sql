create or replace function fluxbase.forget_consumer(name text)
  returns boolean
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  with gone as (
    delete from fluxbase.consumers as c
    where c.name = forget_consumer.name
    returning c.name
  )
  select exists (select from gone)
$$;

comment on function fluxbase.forget_consumer(text) is
  'Forgets how far the work of a name has come, and keeps no log for it any more. A process that
still does this work begins anew, with what is committed from then on. Returns whether there was
one.';

revoke all on function fluxbase.forget_consumer(text) from public;
grant execute on function fluxbase.forget_consumer(text) to service_role;
