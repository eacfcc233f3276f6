create or replace function realtime.register_claims(
  proxy uuid,
  key uuid,
  role text,
  claims text[]
)
  returns bigint[]
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids bigint[];
begin
  with registered as (
    insert into realtime.claim_set (proxy, key, role, claims, uid)
    select
      register_claims.proxy,
      register_claims.key,
      register_claims.role,
      c.claims,
      (c.claims ->> 'sub')::uuid
    from (
      select c.text::jsonb as claims, c.n
      from unnest(register_claims.claims) with ordinality as c (text, n)
    ) as c
    order by c.n
    returning id
  )
  select array_agg(r.id order by r.id) into v_ids
  from registered as r;

  -- What the planner knows of an empty table would have it look at each row.
  if cardinality(v_ids) >= 1000 then
    analyze realtime.claim_set;
  end if;
  return coalesce(v_ids, '{}');
end;
$$;

comment on function realtime.register_claims(uuid, uuid, text, text[]) is
  'Registers on whose behalf a process listens: claims of a role, as JSON. Returns their ids in the
same order, each greater than all before. Raises 23503 for a process without a lease, 22P02 where
sub is not a uuid.';

revoke all on function realtime.register_claims(uuid, uuid, text, text[]) from public;
grant execute on function realtime.register_claims(uuid, uuid, text, text[])
  to fluxbase_replication;
