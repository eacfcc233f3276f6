package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/plpgsql"
	"github.com/fluxbase/fluxbase/sql"
)

func (d *doctor) checkServer(ctx context.Context) error {
	var (
		version, encoding, user string
		number                  int
		super, createRole       bool
	)
	const ask = `
		select
		  current_setting('server_version'),
		  current_setting('server_version_num')::integer,
		  current_setting('server_encoding'),
		  r.rolname,
		  r.rolsuper,
		  r.rolcreaterole
		from pg_catalog.pg_roles as r
		where r.rolname = current_user`
	err := d.conn.QueryRow(ctx, ask).Scan(&version, &number, &encoding, &user, &super, &createRole)
	if err != nil {
		return err
	}
	if number < sql.MinVersion {
		d.report(levelFail, "upgrade the server to PostgreSQL 15 or newer", "PostgreSQL %s is too old", version)
	} else {
		d.report(levelOK, "", "PostgreSQL %s", version)
	}
	if encoding == "UTF8" {
		d.report(levelOK, "", "encoding UTF8")
	} else {
		d.report(levelFail, "create database NAME template template0 encoding 'UTF8';  -- and move the data with pg_dump",
			"encoding %s: JSON and tokens are UTF-8, and not all of it can be stored", encoding)
	}
	name := pgx.Identifier{user}.Sanitize()
	switch {
	case super:
		d.report(levelOK, "", "%s is a superuser: may migrate and create event triggers", user)
	case createRole:
		d.report(levelWarn, "as a superuser, if you have one: alter role "+name+" superuser;",
			"%s is no superuser: migrations work, event triggers cannot be created, so changes of the schema are noticed later", user)
	default:
		d.report(d.unlessRest(), "as a superuser: alter role "+name+" createrole;",
			"%s may not create roles, which the first migration does", user)
	}
	return nil
}

func (d *doctor) checkReplication(ctx context.Context) error {
	var (
		walLevel, keep           string
		slots, maxSlots          int
		senders, maxSenders      int
		keepIsUnlimited, managed bool
	)
	const ask = `
		select
		  current_setting('wal_level'),
		  current_setting('max_slot_wal_keep_size'),
		  current_setting('max_slot_wal_keep_size') = '-1',
		  (select count(*) from pg_catalog.pg_replication_slots),
		  current_setting('max_replication_slots')::integer,
		  (select count(*) from pg_catalog.pg_stat_replication),
		  current_setting('max_wal_senders')::integer,
		  not r.rolsuper
		from pg_catalog.pg_roles as r
		where r.rolname = current_user`
	err := d.conn.QueryRow(ctx, ask).
		Scan(&walLevel, &keep, &keepIsUnlimited, &slots, &maxSlots, &senders, &maxSenders, &managed)
	if err != nil {
		return err
	}
	setting := func(name, value, then string) string { return mendSetting(managed, name, value, then) }
	if walLevel == "logical" {
		d.report(levelOK, "", "wal_level is logical")
	} else {
		d.report(d.unlessRest(), setting("wal_level", "logical", restart),
			"wal_level is %s: changes cannot be streamed", walLevel)
	}
	for _, r := range []struct {
		name      string
		used, max int
	}{{"max_replication_slots", slots, maxSlots}, {"max_wal_senders", senders, maxSenders}} {
		if r.used < r.max {
			d.report(levelOK, "", "%s: %d of %d in use; each process that streams needs one", r.name, r.used, r.max)
		} else {
			d.report(d.unlessRest(), setting(r.name, fmt.Sprint(r.max+10), restart), "%s: all %d are in use", r.name, r.max)
		}
	}
	if keepIsUnlimited {
		d.report(levelWarn, setting("max_slot_wal_keep_size", "10GB", reload),
			"max_slot_wal_keep_size is unlimited: a stream that nobody reads any more fills the disk")
	} else {
		d.report(levelOK, "", "max_slot_wal_keep_size is %s", keep)
	}
	return nil
}

const restart, reload = "-- then restart Postgres", "select pg_reload_conf();"

// mendSetting is how to change a parameter of the server.
func mendSetting(managed bool, name, value, then string) string {
	if managed {
		return fmt.Sprintf("set the server parameter %s to %s at your provider, then restart if it asks", name, value)
	}
	return fmt.Sprintf("alter system set %s = '%s';  %s", name, value, then)
}

// rolesQuery asks of each role of ours for one thing that it must, or must not, be.
const rolesQuery = `
	select
	  x.name,
	  x.role_exists,
	  coalesce(pg_catalog.shobj_description(r.oid, 'pg_authid') like '%(no password yet)', false),
	  coalesce(r.rolcanlogin, false),
	  coalesce(r.rolsuper, false),
	  coalesce(r.rolbypassrls, false),
	  coalesce(r.rolinherit, false),
	  coalesce(r.rolreplication or exists (
	    select
	    from pg_catalog.pg_roles as g
	    where g.rolname in ('rds_replication', 'alloydbreplica', 'azure_pg_admin')
	    and pg_has_role(r.oid, g.oid, 'MEMBER')
	  ), false)
	from (
	  select n.name, n.position, to_regrole(n.name) is not null as role_exists
	  from unnest(array[
	    'anon', 'authenticated', 'service_role', 'authenticator',
	    'fluxbase_service', 'fluxbase_admin', 'fluxbase_replication'
	  ]) with ordinality as n (name, position)
	) as x
	left join pg_catalog.pg_roles as r on r.rolname = x.name
	order by x.position`

// role is what rolesQuery says of one.
type role struct {
	Name                                                            string
	Exists, Unset, CanLogin, Super, BypassRLS, Inherits, Replicates bool
}

func (d *doctor) checkRoles(ctx context.Context) error {
	rows, err := d.conn.Query(ctx, rolesQuery)
	if err != nil {
		return err
	}
	roles, err := pgx.CollectRows(rows, pgx.RowToStructByPos[role])
	if err != nil {
		return err
	}
	var missing []string
	for _, r := range roles {
		if !r.Exists {
			missing = append(missing, r.Name)
			continue
		}
		d.checkRole(r)
	}
	if len(missing) > 0 {
		d.report(d.unlessRest(), "fluxbase migrate up", "missing roles: %s", strings.Join(missing, ", "))
	} else {
		d.report(levelOK, "", "all %d roles exist", len(roles))
	}
	return nil
}

func (d *doctor) checkRole(r role) {
	isLogin := r.Name == sql.Authenticator || r.Name == sql.Service || r.Name == sql.Replication
	switch {
	case isLogin && r.Unset:
		d.report(levelWarn, "fluxbase migrate up  # makes one and prints the login's URL once",
			"role %s has no password yet", r.Name)
	case isLogin && !r.CanLogin:
		d.report(levelFail, "alter role "+r.Name+" login;", "role %s may not log in", r.Name)
	}
	switch {
	case r.Super:
		d.report(levelFail, "alter role "+r.Name+" nosuperuser;",
			"role %s is a superuser: no policy holds it", r.Name)
	case r.Name != "service_role" && r.BypassRLS:
		d.report(levelFail, "alter role "+r.Name+" nobypassrls;",
			"role %s passes row level security: no policy holds it", r.Name)
	case r.Name == "service_role" && !r.BypassRLS:
		d.report(levelWarn, "as a superuser (or, since 16, a role with CREATEROLE and BYPASSRLS): alter role service_role bypassrls;\n"+
			"or, where nobody may, for each table: create policy service_does_everything on TABLE to service_role using (true);",
			"service_role does not pass row level security: it sees only what policies give it")
	}
	if (r.Name == sql.Authenticator || r.Name == sql.Service) && r.Inherits {
		d.report(levelWarn, "alter role "+r.Name+" noinherit;",
			"role %s inherits: it has the rights of what it may become before it becomes it", r.Name)
	}
	if r.Name == sql.Replication && !r.Replicates {
		d.report(d.unlessRest(), "as a superuser: alter role "+r.Name+" replication;  -- on RDS: grant rds_replication to "+r.Name+";",
			"role %s may not replicate", r.Name)
	}
}

// checkMemberships asks who may become whom.
func (d *doctor) checkMemberships(ctx context.Context) error {
	const ask = `
		select
		  m.member,
		  m.name,
		  m.is_wanted,
		  pg_has_role(m.member, m.name, 'MEMBER')
		from (
		  values
		    ('authenticator', 'anon', true),
		    ('authenticator', 'authenticated', true),
		    ('fluxbase_service', 'service_role', true),
		    ('authenticator', 'service_role', false),
		    ('authenticator', 'fluxbase_admin', false),
		    ('anon', 'service_role', false),
		    ('authenticated', 'service_role', false)
		) as m (member, name, is_wanted)
		where to_regrole(m.member) is not null
		and to_regrole(m.name) is not null`
	rows, err := d.conn.Query(ctx, ask)
	if err != nil {
		return err
	}
	var member, name string
	var wanted, is bool
	_, err = pgx.ForEachRow(rows, []any{&member, &name, &wanted, &is}, func() error {
		switch {
		case wanted && !is:
			d.report(levelFail, fmt.Sprintf("grant %s to %s;", name, member), "%s may not become %s", member, name)
		case !wanted && is && member == sql.Authenticator:
			// Supabase's authenticator may, so a database from there does too.
			d.report(levelWarn, fmt.Sprintf("revoke %s from %s;", name, member),
				"%s may become %s: an error in any request could reach what that role sees", member, name)
		case !wanted && is:
			d.report(levelFail, fmt.Sprintf("revoke %s from %s;", name, member),
				"%s may become %s, so no policy holds it", member, name)
		}
		return nil
	})
	return err
}

func (d *doctor) checkConnections(ctx context.Context) error {
	var limit, reserved, used int
	const ask = `
		select
		  current_setting('max_connections')::integer,
		  current_setting('superuser_reserved_connections')::integer
		    + coalesce(current_setting('reserved_connections', true), '0')::integer,
		  (select count(*)
		   from pg_catalog.pg_stat_activity as a
		   -- The type of others' backends is null to who is no superuser.
		   where coalesce(a.backend_type, 'client backend') = 'client backend'
		   and a.pid <> pg_backend_pid()
		   and a.usesysid is not null
		   and a.usename not in ('authenticator', 'fluxbase_service', 'fluxbase_replication'))`
	if err := d.conn.QueryRow(ctx, ask).Scan(&limit, &reserved, &used); err != nil {
		return err
	}
	free := limit - reserved - used
	// Those that stream have a few beside their pools, and so have jobs.
	jobs := d.jobsConnections()
	each := d.db.MaxConnections + streamConnections + jobs
	live, err := d.liveProcesses(ctx)
	if err != nil {
		return err
	}
	if live > 1 && live*each > free && free/live > streamConnections+jobs {
		d.report(levelWarn, fmt.Sprintf("for each of them: export FLUXBASE_DATABASE_MAX_CONNECTIONS=%d\nor alter system set max_connections = %d;  -- then restart Postgres",
			free/live-streamConnections-jobs, limit+live*each-free),
			"%d processes serve this database now, and may open %d connections each (FLUXBASE_DATABASE_MAX_CONNECTIONS, %d to stream and %d for jobs): only %d of %d are for them",
			live, each, streamConnections, jobs, free, limit)
		return nil
	}
	one := d.db.MaxConnections + jobs
	if free >= one {
		d.report(levelOK, "", "connections: %d of %d are for Fluxbase, enough for %d processes of %d (FLUXBASE_DATABASE_MAX_CONNECTIONS, and %d for jobs)",
			free, limit, free/one, one, jobs)
		return nil
	}
	mend := fmt.Sprintf("alter system set max_connections = %d;  -- then restart Postgres", limit+one-free)
	if free > jobs {
		mend = fmt.Sprintf("export FLUXBASE_DATABASE_MAX_CONNECTIONS=%d\nor %s", free-jobs, mend)
	}
	d.report(levelFail, mend, "one process may open %d connections (FLUXBASE_DATABASE_MAX_CONNECTIONS, and %d for jobs), and only %d of %d are free "+
		"(%d reserved, %d used by others)", one, jobs, max(free, 0), limit, reserved, used)
	return nil
}

// liveProcesses counts those that hold a lease, as each does that streams; 0 where there
// is nothing to tell.
func (d *doctor) liveProcesses(ctx context.Context) (n int, err error) {
	var known bool
	const ask = `select coalesce(has_table_privilege(to_regclass('fluxbase.proxies'), 'select'), false)`
	if err := d.conn.QueryRow(ctx, ask).Scan(&known); err != nil || !known {
		return 0, err
	}
	return n, d.conn.QueryRow(ctx, `select count(*) from fluxbase.proxies as p where p.live_until > now()`).Scan(&n)
}

func (d *doctor) checkInstalled(ctx context.Context) error {
	ours := sql.Ours()
	want, err := ours.Len()
	if err != nil {
		return err
	}
	version, err := ours.Version(ctx, d.conn)
	if err != nil {
		d.report(d.unlessRest(), "let the role that migrated run doctor", "what is installed cannot be read: %v", err)
		return nil
	}
	mend := "fluxbase migrate up"
	if extension := sql.RefuseExtension(ctx, d.conn); extension != nil {
		mend = "alter extension fluxbase update;"
	}
	if version != want {
		if err := d.checkSchemaAuth(ctx); err != nil {
			return err
		}
		if version > want {
			mend = "use the release that migrated it"
		}
		d.report(d.unlessRest(), mend, "migrations: %d have run, this release has %d", version, want)
		return nil
	}
	code, err := plpgsql.Load()
	if err != nil {
		return err
	}
	current, err := code.IsCurrent(ctx, d.conn)
	switch {
	case err != nil:
		return err
	case current:
		d.report(levelOK, "", "migrations and functions are those of this release")
	default:
		d.report(levelFail, mend, "functions and policies are those of another release")
	}
	return nil
}

// checkSchemaAuth tells of a schema in the way before migrate meets it.
func (d *doctor) checkSchemaAuth(ctx context.Context) error {
	var owner string
	const ask = `
		select coalesce(max(n.nspowner::regrole::text), '')
		from pg_catalog.pg_namespace as n
		where n.nspname = 'auth'
		and n.nspowner is distinct from to_regrole('fluxbase_admin')`
	if err := d.conn.QueryRow(ctx, ask).Scan(&owner); err != nil || owner == "" {
		return err
	}
	d.report(d.unlessRest(), "export FLUXBASE_MODULES=rest  # serves tables and functions, installs nothing",
		"schema auth belongs to %s: Fluxbase cannot be installed beside it", owner)
	return nil
}

// checkTables names what anyone may read or write for want of row level security.
func (d *doctor) checkTables(ctx context.Context) error {
	const ask = `
		select format('%I.%I', n.nspname, c.relname)
		from pg_catalog.pg_class as c
		join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
		where n.nspname = 'public'
		and c.relkind in ('r', 'p')
		and not c.relrowsecurity
		and not exists (
		  select
		  from pg_catalog.pg_depend as e
		  where e.classid = 'pg_catalog.pg_class'::regclass
		  and e.objid = c.oid
		  and e.deptype = 'e'
		)
		and exists (
		  select
		  from pg_catalog.pg_roles as r
		  where r.rolname in ('anon', 'authenticated')
		  and has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE')
		)
		order by 1`
	rows, err := d.conn.Query(ctx, ask)
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	if len(tables) == 0 {
		d.report(levelOK, "", "every table that the API roles reach in schema public has row level security")
		return nil
	}
	var mend []string
	for _, table := range tables {
		mend = append(mend, "alter table "+table+" enable row level security;")
	}
	d.report(levelWarn, strings.Join(mend, "\n")+"\nthen policies for who may see what: a table with none is closed",
		"%d tables have no row level security, so all their rows are open to anon or authenticated: %s",
		len(tables), strings.Join(tables, ", "))
	return nil
}

// checkLogins tries the URLs that serve would use.
func (d *doctor) checkLogins(ctx context.Context) error {
	for _, l := range []struct {
		name, url string
		pooled    level
		mend      string
	}{
		{
			"FLUXBASE_DATABASE_URL", d.db.DatabaseURL, levelWarn,
			"in transaction mode: export FLUXBASE_DATABASE_PREPARED_STATEMENTS=false",
		},
		{
			"FLUXBASE_SERVICE_DATABASE_URL", d.db.ServiceDatabaseURL, levelWarn,
			"in transaction mode: export FLUXBASE_DATABASE_PREPARED_STATEMENTS=false",
		},
		{
			"FLUXBASE_REPLICATION_DATABASE_URL", d.admin.ReplicationURL, levelFail,
			"give it the host and port of Postgres itself",
		},
	} {
		if l.url == "" {
			continue
		}
		conn, err := dial(ctx, l.url)
		if err != nil {
			d.report(levelFail, "fluxbase migrate up  # sets the passwords of our logins from these URLs", "%s: %v", l.name, err)
			continue
		}
		pooled, err := behindPooler(ctx, conn)
		switch {
		case err != nil:
			d.report(levelFail, "", "%s: %v", l.name, err)
		case pooled && (l.pooled == levelFail || d.db.PreparedStatements):
			d.report(l.pooled, l.mend, "%s leads to a connection pooler", l.name)
		default:
			d.report(levelOK, "", "%s: logs in as %s", l.name, conn.Config().User)
		}
		if err := conn.Close(ctx); err != nil {
			return err
		}
	}
	return nil
}
