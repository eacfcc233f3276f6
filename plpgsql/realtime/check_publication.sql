create or replace function realtime.check_publication()
  returns boolean
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_publication pg_publication;
begin
  select p.* into v_publication
  from pg_publication as p
  where p.pubname = 'supabase_realtime';

  if not found then
    perform realtime.create_publications();
    return false;
  end if;

  if not pg_has_role(v_publication.pubowner, 'USAGE') then
    raise exception using
      errcode = 'insufficient_privilege',
      message = format(
        'the publication supabase_realtime belongs to %I', v_publication.pubowner::regrole
      ),
      hint = format('As its owner: alter publication supabase_realtime owner to %I;', current_user);
  end if;
  return v_publication.puballtables;
end;
$$;

comment on function realtime.check_publication() is
  'Makes the publication supabase_realtime if it is missing, and returns whether it publishes all
tables. Raises 42501 where the caller may not change it.';

revoke all on function realtime.check_publication() from public;
