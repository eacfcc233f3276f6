create or replace function auth.sign_out(session_id uuid, scope text default 'global')
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_user uuid;
  v_scope text := sign_out.scope;
  v_ended integer;
begin
  if sign_out.scope is null or sign_out.scope not in ('global', 'local', 'others') then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the scope of a sign-out is global, local or others';
  end if;

  -- Who acts in the user's place leaves the user's own sessions alone.
  select s.user_id, case when s.impersonator is null then v_scope else 'local' end
  into v_user, v_scope
  from auth.sessions as s
  where s.id = sign_out.session_id;

  if not found then
    return 0;
  end if;

  -- In one order, so that two sign-outs of one user do not wait for each other in a ring.
  delete from auth.sessions as s
  where s.id in (
    select l.id
    from auth.sessions as l
    where l.user_id = v_user
    and case v_scope
      when 'local' then l.id = sign_out.session_id
      when 'others' then l.id <> sign_out.session_id
      else true
    end
    order by l.id
    for update
  );
  get diagnostics v_ended = row_count;

  perform audit.record(
    'session.signed_out', v_user::text,
    jsonb_build_object('session', sign_out.session_id, 'scope', v_scope, 'ended', v_ended)
  );
  return v_ended;
end;
$$;

comment on function auth.sign_out(uuid, text) is
  'Ends sessions: all of the user whose session is given (global), this one (local), or all but this
one (others); this one alone, if it is of somebody who acts in the user''s place. Their refresh
tokens are void at once, their access tokens from the commit on, in a process that follows the
stream of changes a moment later; fluxbase.settle() waits for that. Returns how many ended; 0 for a
session that is not there. Raises 22023 for another scope.';

revoke all on function auth.sign_out(uuid, text) from public;
grant execute on function auth.sign_out(uuid, text) to service_role;
