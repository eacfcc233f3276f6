create or replace function fluxbase.announce_guards()
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- A comment is a change of the schema: the stream announces it where there is one, and where
  -- there is none the processes see it when they next ask whether the schema has changed.
  execute format(
    'comment on column fluxbase.guards.changed_at is %L',
    'When it was set. The last change of any: ' || clock_timestamp() || '.'
  );
end;
$$;

comment on function fluxbase.announce_guards() is
  'Has every process read the guards again.';

revoke all on function fluxbase.announce_guards() from public;
