create or replace function auth.list_users(
  per_page integer default 50,
  page integer default 1,
  filter text default null,
  cursor text default null
)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_begins constant text :=
    replace(replace(replace(lower(list_users.filter), '\', '\\'), '%', '\%'), '_', '\_') || '%';
  v_per_page constant integer := least(greatest(coalesce(list_users.per_page, 50), 1), 1000);
  v_offset constant bigint := case
    when list_users.cursor is null then (greatest(coalesce(list_users.page, 1), 1) - 1)::bigint
      * v_per_page
    else 0
  end;
  v_at constant timestamptz := split_part(list_users.cursor, '_', 1)::timestamptz;
  v_id constant uuid := split_part(list_users.cursor, '_', 2)::uuid;
  v_ids uuid[];
  v_total bigint;
  v_next text;
begin
  -- Ids alone, by the index; what is made of a user is made for those of the page.
  if v_begins is not null then
    select array_agg(p.id order by p.created_at desc, p.id desc) into v_ids
    from (
      select u.id, u.created_at
      from auth.users as u
      where (u.email like v_begins or u.phone like v_begins)
      and (list_users.cursor is null or (u.created_at, u.id) < (v_at, v_id))
      order by u.created_at desc, u.id desc
      offset v_offset
      limit v_per_page
    ) as p;
  elsif list_users.cursor is not null then
    select array_agg(p.id order by p.created_at desc, p.id desc) into v_ids
    from (
      select u.id, u.created_at
      from auth.users as u
      where (u.created_at, u.id) < (v_at, v_id)
      order by u.created_at desc, u.id desc
      limit v_per_page
    ) as p;
  else
    select array_agg(p.id order by p.created_at desc, p.id desc) into v_ids
    from (
      select u.id, u.created_at
      from auth.users as u
      order by u.created_at desc, u.id desc
      offset v_offset
      limit v_per_page
    ) as p;
  end if;

  if list_users.cursor is null then
    if v_begins is null then
      select count(*) into v_total
      from auth.users as u;
    else
      select count(*) into v_total
      from auth.users as u
      where u.email like v_begins or u.phone like v_begins;
    end if;
  end if;
  if cardinality(v_ids) = v_per_page then
    select auth.time_text(u.created_at) || '_' || u.id into v_next
    from auth.users as u
    where u.id = v_ids[v_per_page];
  end if;

  return jsonb_build_object(
    'users', (
      select coalesce(
        jsonb_agg(auth.user_json(i.id) || '{"identities": null}' order by i.n), '[]'
      )
      from unnest(v_ids) with ordinality as i (id, n)
    ),
    'total', v_total,
    'next', v_next
  );
end;
$$;

comment on function auth.list_users(integer, integer, text, text) is
  'Users, the newest first: {"users": auth.user_json of each, without identities, "total": how many
there are, "next": a cursor, null at the end}. By page, which takes longer the further on it is, or
by the cursor of the page before, which does not, and counts nothing. filter is how an address or a
number begins. At most 1000 a page. Raises 22007 for a cursor that is none.';

revoke all on function auth.list_users(integer, integer, text, text) from public;
grant execute on function auth.list_users(integer, integer, text, text) to service_role;
