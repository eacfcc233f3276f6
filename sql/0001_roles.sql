-- First, is there room? Schema auth of another product holds functions of the same
-- names, on which its own policies rely: half of each would be worse than none of ours.
do $$
declare
  v_owner text;
begin
  select r.rolname into v_owner
  from pg_catalog.pg_namespace as n
  join pg_catalog.pg_roles as r on r.oid = n.nspowner
  where n.nspname = 'auth';

  if found then
    raise exception using
      errcode = 'duplicate_schema',
      message = format('schema auth already exists and belongs to %I', v_owner),
      hint = 'Serve this database with FLUXBASE_MODULES=rest, which installs nothing, or '
        'move that schema away first: alter schema auth rename to auth_before_fluxbase;';
  end if;
end;
$$;

-- Roles belong to the whole cluster: another of its databases may have made them,
-- or be making them at this moment. So each is made only where it is missing, one
-- that is there stays as it is (fluxbase doctor says what it lacks), a collision is
-- tried again, and nothing here is undone by down.
do $$
declare
  v_is_16 constant boolean := current_setting('server_version_num')::integer >= 160000;
  v_me pg_catalog.pg_roles;
  v_role record;
begin
  select r.* into strict v_me
  from pg_catalog.pg_roles as r
  where r.rolname = current_user;

  for v_attempt in 1..30 loop
    begin
      -- Only who has an attribute may give it away, and before 16 only a superuser.
      for v_role in
        select r.name, r.attributes, r.purpose
        from (
          values
            ('anon', 'nologin noinherit', 'Fluxbase: requests without a token'),
            ('authenticated', 'nologin noinherit', 'Fluxbase: requests of a signed-in user'),
            ('service_role',
             case when v_me.rolsuper or v_is_16 and v_me.rolbypassrls
               then 'nologin noinherit bypassrls'
               else 'nologin noinherit'
             end,
             'Fluxbase: trusted servers; sees past row level security'),
            ('fluxbase_admin', 'nologin noinherit', 'Fluxbase: owns its schemas'),
            ('authenticator', 'login noinherit',
             'Fluxbase: login of requests, becomes anon or authenticated (no password yet)'),
            ('fluxbase_service', 'login noinherit',
             'Fluxbase: login of trusted requests, becomes service_role (no password yet)'),
            ('fluxbase_replication',
             case when v_me.rolsuper or v_is_16 and v_me.rolreplication
               then 'login noinherit replication'
               else 'login noinherit'
             end,
             'Fluxbase: login that streams changes (no password yet)')
        ) as r (name, attributes, purpose)
        where to_regrole(r.name) is null
      loop
        if not (v_me.rolsuper or v_me.rolcreaterole) then
          raise exception using
            errcode = 'insufficient_privilege',
            message = format('role %I may not create the role %I', v_me.rolname, v_role.name),
            hint = 'Migrate as a superuser, or as a role with CREATEROLE that owns the database.';
        end if;
        execute format('create role %I %s', v_role.name, v_role.attributes);
        execute format('comment on role %I is %L', v_role.name, v_role.purpose);
      end loop;

      for v_role in
        select g.name, g.member
        from (
          values
            ('anon', 'authenticator'),
            ('authenticated', 'authenticator'),
            ('service_role', 'fluxbase_service')
        ) as g (name, member)
        where not pg_has_role(g.member, g.name, 'MEMBER')
      loop
        execute format('grant %I to %I', v_role.name, v_role.member);
      end loop;

      -- Who migrates acts as the owner, and tries policies as the other three. Since
      -- 16, making a role gives the right to grant it but not the right to become it.
      for v_role in
        select r.name, r.name = 'fluxbase_admin' as is_owner
        from unnest(array['fluxbase_admin', 'anon', 'authenticated', 'service_role']) as r (name)
        where not v_me.rolsuper
      loop
        if not pg_has_role(v_role.name, case when v_is_16 then 'SET' else 'MEMBER' end)
        or v_role.is_owner and not pg_has_role(v_role.name, 'USAGE') then
          execute format('grant %I to %I', v_role.name, v_me.rolname) || case
            when not v_is_16 then ''
            when v_role.is_owner then ' with set true, inherit true'
            else ' with set true, inherit false'
          end;
        end if;
      end loop;

      exit;
    exception
      -- internal_error is "tuple concurrently updated": a grant or an alter met another.
      when duplicate_object or unique_violation or internal_error then
        if v_attempt = 30 then
          raise;
        end if;
        perform pg_sleep(0.01 * v_attempt);
    end;
  end loop;
end;
$$;

---- create above / drop below ----

-- Roles stay: other databases of the cluster use them.
select 1;
