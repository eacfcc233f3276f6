create or replace function fluxbase.renew(
  id uuid,
  name text,
  timeline bigint,
  confirmed pg_lsn,
  lease interval
)
  returns table (announces_ddl boolean, unannounced text)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into fluxbase.proxies as p (id, name, timeline, confirmed_lsn, live_until)
  values (renew.id, renew.name, renew.timeline, renew.confirmed, clock_timestamp() + renew.lease)
  on conflict on constraint proxies_pkey do update
  set name = excluded.name,
      timeline = excluded.timeline,
      -- Two calls may meet in the other order; but a new timeline begins anew.
      confirmed_lsn = case
        when p.timeline = excluded.timeline then greatest(p.confirmed_lsn, excluded.confirmed_lsn)
        else excluded.confirmed_lsn
      end,
      live_until = case
        when renew.lease > '0' then greatest(p.live_until, excluded.live_until)
        else excluded.live_until
      end;

  if renew.lease <= '0' then
    delete from realtime.claim_set as c
    where c.proxy = renew.id;
  end if;

  -- Long after their end, because nobody may wait for a row that another deletes.
  delete from fluxbase.proxies as p
  where p.id in (
    select d.id
    from fluxbase.proxies as d
    where d.live_until < clock_timestamp() - interval '1 hour'
    for update skip locked
  );

  return query
  select
    (
      select count(*) = 2
      from pg_event_trigger as t
      where t.evtname in ('fluxbase_ddl', 'fluxbase_drop')
      and t.evtenabled in ('O', 'A')
    ),
    (
      -- Roles belong to the cluster, so no event trigger sees their settings, rights and
      -- memberships.
      select concat_ws('.', s.settings, m.memberships, r.rights)
      from (
        select count(*) || '.' || coalesce(sum(s.xmin::text::bigint), 0) as settings
        from pg_db_role_setting as s
        where s.setdatabase in (
          0, (select d.oid from pg_database as d where d.datname = current_database())
        )
      ) as s
      cross join (
        select count(*) || '.' || coalesce(sum(m.xmin::text::bigint), 0) as memberships
        from pg_auth_members as m
      ) as m
      cross join (
        select coalesce(sum(hashtext(r::text)::bigint), 0) as rights
        from (
          select r.oid, r.rolsuper, r.rolinherit, r.rolbypassrls
          from pg_roles as r
        ) as r
      ) as r
    );
end;
$$;

comment on function fluxbase.renew(uuid, text, bigint, pg_lsn, interval) is
  'Renews the lease of a process that follows the changes, for lease from now on, and confirms
that it has dealt with all that was committed before a place in the log of a timeline. A lease of
no time gives it back. Returns whether changes of the schema are announced in the stream, and a
text that changes with settings, rights and memberships of roles, which are not.';

revoke all on function fluxbase.renew(uuid, text, bigint, pg_lsn, interval) from public;
grant execute on function fluxbase.renew(uuid, text, bigint, pg_lsn, interval)
  to fluxbase_replication;
