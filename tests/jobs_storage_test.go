package tests

import (
	"fmt"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// A dump of a server that has counted far is restored on one that has not, of another
// version: what was to run runs, in its order, and nothing else.
func TestJobsSurviveARestore(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	source := jobSessions(t, db, 1)[0]
	source.do(`select jobs.enqueue_many('k', '{1,2,4}', 'done')`)
	source.wants("7", claimed(jobBob, 9, "done"))
	source.wants("", finishHeld(jobBob, ""))
	source.do(`select jobs.enqueue_many('k', '{1,2,4}', 'q', max_attempts => 1)`)
	source.wants("1", claimed(jobBob, 1, "q"))
	source.wants("", `select coalesce(string_agg(f.event, ','), '') from jobs.batches as b, jobs.finish(b.worker,
		failed => jsonb_build_array(jsonb_build_object('id', lower(b.jobs), 'token', b.token))) as f`)
	source.do(`select jobs.enqueue('k', '64', 'q', run_at => now() + interval '1 h')`)
	source.wants("2", claimed(jobAda, 1, "q"))
	source.do(`select jobs.enqueue('k', '8', 'q');
		select jobs.enqueue('k', '16', 'q')`)

	tools := toolsFolder(t)
	dump, err := osexec.CommandContext(t.Context(), filepath.Join(tools, "pg_dump"), db.AdminURL()).Output()
	if err != nil {
		t.Fatalf("pg_dump: %v", err)
	}
	other := dbtest.Private(t, dbtest.Options{Version: map[string]string{"15": "18", "18": "15"}[dbtest.Version()]})
	other.New(t) // makes the roles
	restored := other.Empty(t)
	script := strings.ReplaceAll(string(dump), "SET transaction_timeout = 0;", "") // 15 does not know it
	runPsql(t, tools, restored.AdminURL(), "\\set ON_ERROR_STOP on\n"+script)

	target := jobSessions(t, restored, 1)[0]
	// Whoever is first sees to it: here one who adds.
	target.do(`select jobs.enqueue('k', '32', 'q')`)
	target.wants("false", `select jobs.adopt()`)
	for _, next := range []string{"4", "8", "16", "32", "0"} {
		target.wants(next, claimed(jobBob, 1, "q"))
	}
	target.wants("0", claimed(jobBob, 9, "done"))
	// The one that ran is lost with its worker, at its time.
	target.do(`update jobs.workers set live_until = now() where id = ` + jobAda)
	target.wants("1", `select jobs.expire()`)
	target.wants("2", `select count(*) from jobs.dead`)
	target.wants("2", `select jobs.redrive('q')`)
	target.wants("3", claimed(jobBob, 9, "q"))
	target.wants("true", `select jobs.retry(id) from jobs.waiting`)
	target.wants("64", claimed(jobBob, 9, "q"))
}

// Beyond the bound jobs are estimated, from where the last one lies, in a third of a table
// and over several of them.
func TestDepthsBeyondTheBoundAreEstimated(t *testing.T) {
	t.Parallel()
	work := jobSessions(t, dbtest.New(t), 1)[0]
	for range 3 {
		work.do(`select jobs.enqueue_many('k', array_fill('{}'::jsonb, array[20000]))`)
		work.wants("true", `select d.is_estimate and d.ready between 0.8 * n.jobs and 1.25 * n.jobs
			from jobs.lane_depths(1000) as d, (select count(*) as jobs from jobs.ready) as n`)
		work.do(`select jobs.maintain(segment_bytes => 0)`)
	}
	work.wants("60000 3", `select concat_ws(' ', count(*), count(distinct segment)) from jobs.ready`)
}

// What a claim and a finish read does not grow with what was done while a snapshot is held.
func TestClaimsStayFlatUnderAHeldSnapshot(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	s := jobSessions(t, db, 2)
	work, holder := s[0], s[1]
	rounds := 60
	if *soak > 0 {
		rounds = 3000
	}
	work.do(`select jobs.enqueue('k', '1')`)
	work.wants("1", claimed(jobAda, 1, "default"))
	holder.do(`begin isolation level repeatable read; select pg_current_xact_id()`)

	// Ten times a batch of twenty, and what maintenance does after it.
	pages := func() (n int) {
		touched := func() (sum int) {
			const ask = `
				select (sum(heap_blks_read + heap_blks_hit) + sum(coalesce(idx_blks_read + idx_blks_hit, 0)))::integer
				from pg_statio_user_tables where schemaname = 'jobs'`
			conn := db.Conn(t) // what it has not told yet
			defer conn.Close(t.Context())
			if err := conn.QueryRow(t.Context(), ask).Scan(&sum); err != nil {
				t.Fatal(err)
			}
			return sum
		}
		flush := func() {
			if _, err := work.conn.Exec(t.Context(), `select pg_stat_force_next_flush()`); err != nil {
				t.Fatal(err)
			}
		}
		flush()
		before := touched()
		for range 10 {
			work.do(`select jobs.enqueue_many('k', array_fill('1'::jsonb, '{20}'))`)
			var token int64
			var ids []int64
			rows, err := work.conn.Query(t.Context(), `select c.id, c.token from jobs.claim(`+jobAda+`, 100) as c`)
			if err != nil {
				t.Fatal(err)
			}
			var id int64
			if _, err := pgx.ForEachRow(rows, []any{&id, &token}, func() error { ids = append(ids, id); return nil }); err != nil {
				t.Fatal(err)
			}
			const finish = `select count(*) from jobs.finish(` + jobAda + `, $1::bigint[], array_fill($2::bigint, array[cardinality($1::bigint[])]))`
			if got := work.ask(finish, ids, token); got != "0" {
				t.Fatalf("%s answers to a finish", got)
			}
		}
		flush()
		return touched() - before
	}
	for range 6 {
		pages() // until indexes have the height that they keep
	}
	first := pages()
	for range rounds / 10 {
		pages()
		work.do(fmt.Sprintf(`select jobs.maintain(%d)`, 1<<20))
	}
	if last := pages(); last > first*6/5 {
		t.Errorf("two hundred jobs read %d pages at first, %d after %d batches under a held snapshot", first, last, rounds)
	}
	holder.do(`commit`)
}
