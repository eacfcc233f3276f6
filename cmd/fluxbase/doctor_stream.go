package main

import (
	"context"
	"fmt"
	"strings"
)

// streamQuery tells what the change stream lacks, one kind a column.
const streamQuery = `
	select
	  -- publications
	  array(
	    select n.name
	    from unnest(array['supabase_realtime', 'fluxbase_system']) as n (name)
	    where not exists (
	      select
	      from pg_catalog.pg_publication as p
	      left join pg_catalog.pg_publication_rel as r
	        on r.prpubid = p.oid
	        and r.prrelid = 'fluxbase.message_keys'::regclass
	      where p.pubname = n.name
	      and (n.name <> 'fluxbase_system' or r.oid is not null)
	    )
	  ),
	  -- event triggers that are not there
	  array(
	    select n.name
	    from unnest(array['fluxbase_ddl', 'fluxbase_drop', 'fluxbase_identity']) as n (name)
	    where not exists (select from pg_catalog.pg_event_trigger as t where t.evtname = n.name)
	  ),
	  -- or off
	  array(
	    select t.evtname::text
	    from pg_catalog.pg_event_trigger as t
	    where t.evtname in ('fluxbase_ddl', 'fluxbase_drop', 'fluxbase_identity')
	    and t.evtenabled not in ('O', 'A')
	    order by 1
	  ),
	  -- tables whose rows cannot be changed
	  array(
	    select distinct c.oid::regclass::text
	    from pg_catalog.pg_publication as p
	    join pg_catalog.pg_publication_tables as t on t.pubname = p.pubname
	    cross join lateral (
	      select format('%I.%I', t.schemaname, t.tablename)::regclass as relid
	      union
	      select e.relid
	      from pg_partition_tree(format('%I.%I', t.schemaname, t.tablename)::regclass) as e
	    ) as e
	    join pg_catalog.pg_class as c on c.oid = e.relid
	    where p.pubname = 'supabase_realtime'
	    and (p.pubupdate or p.pubdelete)
	    and c.relkind = 'r'
	    and not realtime.has_identity(c.oid)
	    order by 1
	  ),
	  -- or can be changed only as long as the filter allows it
	  array(
	    select r.prrelid::regclass::text
	    from pg_catalog.pg_publication as p
	    join pg_catalog.pg_publication_rel as r on r.prpubid = p.oid
	    where p.pubname = 'supabase_realtime'
	    and (r.prqual is not null or r.prattrs is not null)
	    order by 1
	  ),
	  -- published tables of which everybody hears everything
	  array(
	    select format('%I.%I', t.schemaname, t.tablename)
	    from pg_catalog.pg_publication_tables as t
	    join pg_catalog.pg_namespace as n on n.nspname = t.schemaname
	    join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = t.tablename
	    join pg_catalog.pg_roles as r on r.rolname = 'anon'
	    where t.pubname = 'supabase_realtime'
	    and not c.relrowsecurity
	    and has_schema_privilege(r.oid, n.oid, 'usage')
	    and has_any_column_privilege(r.oid, c.oid, 'select')
	    order by 1
	  ),
	  -- slots that keep the log for nobody
	  array(
	    select s.slot::text
	    from realtime.slot_health() as s
	    where not s.active
	  )`

// checkStream looks at what makes, and what hampers, the stream of changes. The
// server's own part is in checkReplication.
func (d *doctor) checkStream(ctx context.Context) error {
	var installed bool
	const ask = `select to_regnamespace('realtime') is not null and to_regprocedure('realtime.has_identity(regclass)') is not null
		and coalesce(has_function_privilege(to_regprocedure('realtime.has_identity(regclass)'), 'execute'), false)`
	if err := d.conn.QueryRow(ctx, ask).Scan(&installed); err != nil || !installed {
		return err
	}
	var publications, missing, off, bare, parts, open, idle []string
	if err := d.conn.QueryRow(ctx, streamQuery).Scan(&publications, &missing, &off, &bare, &parts, &open, &idle); err != nil {
		return err
	}
	// each is one statement for each name.
	each := func(names []string, format string) string {
		var list []string
		for _, name := range names {
			list = append(list, fmt.Sprintf(format, name))
		}
		return strings.Join(list, "\n")
	}
	if len(publications) > 0 {
		d.report(d.unlessRest(), "select realtime.create_publications();",
			"publications that are missing, or not whole: %s", strings.Join(publications, ", "))
	}
	switch {
	case len(missing) > 0:
		d.report(levelWarn, "as a superuser: select realtime.create_event_triggers();",
			"event triggers are missing (%s): changes of the schema are noticed by asking once a second, and nothing keeps published tables writable",
			strings.Join(missing, ", "))
	case len(off) > 0:
		d.report(levelWarn, each(off, "alter event trigger %s enable;"), "event triggers are off: %s", strings.Join(off, ", "))
	default:
		d.report(levelOK, "", "changes of the schema are announced by event triggers")
	}
	if len(bare) > 0 {
		d.report(levelFail, each(bare, "alter table %s replica identity full;"),
			"published tables without a replica identity, so that UPDATE and DELETE fail: %s", strings.Join(bare, ", "))
	}
	if len(parts) > 0 {
		d.report(levelWarn, each(parts, "alter publication supabase_realtime drop table %s;")+"\nthen select realtime.enable for each",
			"only some rows or columns are published, so that UPDATE and DELETE may fail: %s", strings.Join(parts, ", "))
	}
	if len(open) > 0 {
		d.report(levelWarn, each(open, "alter table %s enable row level security;")+"\nthen policies for who may see what: realtime.explain(table, role) tells what a role hears",
			"published tables without row level security tell every change to whoever has the anonymous key: %s", strings.Join(open, ", "))
	}
	if len(idle) > 0 {
		d.report(levelWarn, each(idle, "select pg_drop_replication_slot('%s');")+"\nthen nothing more: running processes do so by themselves after ten minutes",
			"replication slots that nobody reads now keep the log: %s", strings.Join(idle, ", "))
	}
	return nil
}
