package tests

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// Two sessions change one function at once, each again and again.
func TestChangesOfAFunctionMeet(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	conns := []*pgx.Conn{db.Conn(t), db.Conn(t)}
	for i, conn := range conns {
		if _, err := conn.Exec(t.Context(), `set role service_role`); err != nil {
			t.Fatal(i, err)
		}
	}
	// both has each session make its call, five times, with a text of its own for $.
	both := func(calls ...string) {
		t.Helper()
		var all sync.WaitGroup
		for i, call := range calls {
			all.Go(func() {
				for n := range 5 {
					if err := tryAgain(t.Context(), conns[i], strings.ReplaceAll(call, "$", fmt.Sprint(i, "-", n))); err != nil {
						t.Errorf("%s: %v", call, err)
					}
				}
			})
		}
		all.Wait()
	}
	wants := func(what, query string) {
		t.Helper()
		if got := queryText(t, db, query); got != "true" {
			t.Errorf("%s: %s", what, got)
		}
	}
	deploy := `select functions.deploy('f', '{"index.ts": "$", "same.ts": "same"}')`

	both(deploy, deploy)
	wants("ten deployments are ten versions, one after the other, and the last one answers", `
		select (f.last_version = 10 and f.active = 10
		  and (select array_agg(v.version order by v.version) from functions.versions as v) = array[1, 2, 3, 4, 5, 6, 7, 8, 9, 10])::text
		from functions.functions as f`)

	both(deploy, `select functions.rollback('f')`)
	wants("after deployments and rollbacks a version answers that is there", `
		select exists (select from functions.list() as l where l.name = 'f' and l.version = any (select v.version from functions.versions('f') as v))::text`)

	both(`select functions.configure('f', '{"wall_ms": 7}')`, `select functions.configure('f', '{"cpu_ms": 8, "egress": ["a$.test"]}')`)
	wants("of settings that are changed at once none is lost", `
		select (f.wall_ms = 7 and f.cpu_ms = 8 and f.egress = array['a1-4.test'])::text from functions.functions as f`)

	both(deploy, `select functions.delete('f')`)
	wants("a function is deleted as a whole, or is there as a whole", `
		select bool_and(case when f.active is null then v.version is null else
		  exists (select from functions.code('f', f.active)) end)::text
		from functions.functions as f
		left join functions.versions as v on v.name = f.name`)
	wants("and no number was given twice", `
		select (count(*) = count(distinct e.details -> 'version'))::text from audit.events as e where e.action = 'function.deployed'`)

	// What one sweeps away another may just be deploying.
	both(`select functions.delete('f'); select functions.sweep(); select functions.deploy('f', '{"index.ts": "$"}'); select functions.sweep()`,
		`select functions.deploy('g', '{"index.ts": "$", "same.ts": "same"}'); select functions.sweep(); select functions.delete('g')`)
	wants("no file is missing", `
		select (exists (select from functions.functions as f where f.name = 'f' and f.active is not null)
		  and (select count(*) from functions.code('f', (select f.active from functions.functions as f where f.name = 'f'))) = 1)::text`)

	both(`select functions.set_secret('A', 'fbs1.$')`, `select functions.set_secret('B', 'fbs1.$'); select functions.unset_secret('B')`)
	wants("each change of a secret is a version of them", `
		select (functions.read_secrets() = '{"version": 15, "secrets": [{"name": "A", "sealed": "fbs1.0-4"}]}')::text`)

	both(`select functions.keep(3)`, `select functions.keep(logs => '3 days')`)
	wants("what is kept is as both said", `select (k = (3, interval '14 days', interval '3 days'))::text from functions.kept() as k`)

	both(`select functions.invoke('f', '"$"', queue => 'new')`, `select functions.invoke('f', '"$"', queue => 'new')`)
	wants("each call is a job", `select (count(*) = 10)::text from jobs.ready as r where r.kind = 'functions.invoke'`)
}

// What functions did and said is recorded while partitions are made and dropped, by two at once.
func TestRecordsMeetPartitions(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	record := `select functions.record(
		(
		  select jsonb_agg(jsonb_build_object('id', md5(g.n || '$')::uuid, 'at', now() - make_interval(days => g.n), 'function', 'f',
		    'version', 1, 'duration_ms', 1, 'outcome', 'ok'))
		  from generate_series(0, 3) as g (n)
		),
		(
		  select jsonb_agg(jsonb_build_object('invocation', md5(g.n || '$')::uuid, 'at', now() - make_interval(days => g.n), 'seq', 1,
		    'function', 'f', 'version', 1, 'level', 'info', 'message', 'm'))
		  from generate_series(0, 3) as g (n)
		))`
	var all sync.WaitGroup
	for i, call := range []string{record, record, `select functions.maintain()`, `select functions.maintain()`, `select count(*) from functions.invocations`} {
		conn := db.Conn(t)
		all.Go(func() {
			for n := range 8 {
				if err := tryAgain(t.Context(), conn, strings.ReplaceAll(call, "$", fmt.Sprint(i, "-", n))); err != nil {
					t.Errorf("%s: %v", call, err)
				}
			}
		})
	}
	all.Wait()
	if err := tryAgain(t.Context(), db.Conn(t), `select functions.maintain()`); err != nil {
		t.Fatal(err)
	}
	const ask = `
		select format('%s calls, %s lines, %s in the default', (select count(*) from functions.invocations),
		  (select count(*) from functions.logs), (select count(*) from functions.invocations_default))`
	if got := queryText(t, db, ask); got != "64 calls, 64 lines, 0 in the default" {
		t.Error(got)
	}
}
