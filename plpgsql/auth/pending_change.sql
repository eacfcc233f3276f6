create or replace function auth.pending_change(type text, address text)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('id', c.id, 'now', c.now, 'new', c.new)
  from (
    select
      u.id,
      case pending_change.type when 'email_change' then u.email else u.phone end as now,
      case pending_change.type when 'email_change' then u.email_change else u.phone_change end
        as new,
      u.email_change_sent_at
    from auth.users as u
    where u.deleted_at is null
    and u.id in (
      select t.user_id
      from auth.one_time_tokens as t
      where t.relates_to = pending_change.address
      and t.purpose = pending_change.type
      union all
      select e.id
      from auth.users as e
      where e.email = pending_change.address
      and pending_change.type = 'email_change'
      union all
      select p.id
      from auth.users as p
      where p.phone = pending_change.address
      and pending_change.type = 'phone_change'
    )
  ) as c
  where c.new <> ''
  and pending_change.address in (c.now, c.new)
  order by c.email_change_sent_at desc nulls last
  limit 1;
$$;

comment on function auth.pending_change(text, text) is
  'The change of an address (type email_change) or number (phone_change) that is under way, by the
old or the new one: {"id" of the user, "now", null without one, "new"}. Null if there is none.';

revoke all on function auth.pending_change(text, text) from public;
grant execute on function auth.pending_change(text, text) to service_role;
