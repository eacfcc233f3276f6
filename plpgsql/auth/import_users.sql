create or replace function auth.import_users(users jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row record;
  v_answer jsonb;
  -- An array, which grows in place: jsonb would be copied for each.
  v_refused jsonb[] := array[]::jsonb[];
  v_made integer := 0;
begin
  for v_row in
    select e.attributes, e.n
    from jsonb_array_elements(import_users.users) with ordinality as e (attributes, n)
    -- In one order, so that two imports of the same people do not wait for each other in a ring.
    order by e.attributes ->> 'email', e.attributes ->> 'phone', e.attributes ->> 'id'
  loop
    begin
      v_answer := auth.create_user(v_row.attributes);
    exception
      when data_exception or integrity_constraint_violation then
        v_answer := jsonb_build_object('error', sqlstate, 'message', sqlerrm);
    end;
    if v_answer ? 'error' then
      v_refused := v_refused || jsonb_build_object(
        'row', v_row.n, 'error', v_answer -> 'error', 'message', v_answer -> 'message'
      );
    else
      v_made := v_made + 1;
    end if;
  end loop;
  return jsonb_build_object('made', v_made, 'refused', to_jsonb(v_refused));
end;
$$;

comment on function auth.import_users(jsonb) is
  'Makes users of an array of what auth.create_user takes, some hundred at a time. One that cannot
be made keeps none of the others back. Returns {"made": how many, "refused": [{"row": from 1,
"error", "message"}]}.';

revoke all on function auth.import_users(jsonb) from public;
grant execute on function auth.import_users(jsonb) to service_role;
