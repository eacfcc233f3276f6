package main

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
)

// jobsConnections are those of a process for jobs, beside FLUXBASE_DATABASE_MAX_CONNECTIONS.
func (d *doctor) jobsConnections() int {
	switch {
	case d.db.ServiceDatabaseURL == "", !slices.Contains(d.modules.Modules, "jobs") && !slices.Contains(d.modules.Modules, "all"):
		return 0
	case !d.jobs.Work:
		return queueConnections
	}
	return queueConnections + d.jobs.Concurrency
}

// heldQuery names the transactions that hold up jobs: who has the lock of a lane for longer
// than a claim takes, and who began long ago, so that a segment which it may have added to
// can't be truncated. A prepared one belongs to no session, and stays until somebody ends it.
const heldQuery = `
	with transaction as (
	  select a.pid, null::text as gid, a.backend_xid as xid, a.xact_start as begun, null::text as virtual
	  from pg_catalog.pg_stat_activity as a
	  where a.datname = current_database()
	  and a.pid <> pg_backend_pid()
	  union all
	  select null, p.gid, p.transaction, p.prepared, p.transaction::text
	  from pg_catalog.pg_prepared_xacts as p
	  where p.database = current_database()
	),
	held as (
	  select t.*, n.namespace, n.queue, true as is_lock
	  from pg_catalog.pg_locks as l
	  join jobs.lanes as n on n.id = l.objid::bigint
	  join transaction as t on t.pid = l.pid or l.pid is null and t.virtual = split_part(l.virtualtransaction, '/', 2)
	  where l.locktype = 'advisory'
	  and l.classid = 7707
	  and l.objsubid = 2
	  and l.granted
	  and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())
	  and t.begun < clock_timestamp() - interval '1 second'
	  union all
	  select t.*, n.namespace, n.queue, false
	  from jobs.lanes as n
	  cross join lateral (
	    select k.past_open || coalesce(k.seen_open, '{}') as open
	    from jobs.cursors as k
	    where k.lane = n.id
	    order by k.seq desc
	    limit 1
	  ) as k
	  join transaction as t on t.xid = any (array(select (x::text::bigint % 4294967296)::text::xid from unnest(k.open) as x))
	  where t.begun < clock_timestamp() - interval '10 minutes'
	  or t.gid is not null
	)
	select
	  case when h.gid is not null then format('the prepared transaction %L', h.gid) else format('a transaction of the process %s', h.pid) end,
	  bool_or(h.is_lock),
	  string_agg(distinct case h.namespace when 'default' then h.queue else h.namespace || ' ' || h.queue end, ', '),
	  case when h.gid is not null then format('rollback prepared %L;  -- or commit prepared', h.gid) else format('select pg_terminate_backend(%s);', h.pid) end
	from held as h
	group by h.pid, h.gid
	order by 1`

// checkJobs names who holds up the queues of jobs.
func (d *doctor) checkJobs(ctx context.Context) error {
	var known bool
	const ask = `select coalesce(has_table_privilege(to_regclass('jobs.lanes'), 'select') and has_table_privilege(to_regclass('jobs.cursors'), 'select'), false)`
	if err := d.conn.QueryRow(ctx, ask).Scan(&known); err != nil || !known {
		return err
	}
	rows, err := d.conn.Query(ctx, heldQuery)
	if err != nil {
		return err
	}
	var who, queues, mend string
	var locks bool
	_, err = pgx.ForEachRow(rows, []any{&who, &locks, &queues, &mend}, func() error {
		what := "%s keeps what was done in these queues of jobs from being given back: %s"
		if locks {
			what = "%s holds the lock of these queues of jobs, so that nobody claims from them: %s"
		}
		d.report(levelWarn, mend, what, who, queues)
		return nil
	})
	return err
}
