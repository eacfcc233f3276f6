package tests

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// jobsPageFixture has something of everything that the page shows. Nobody works on it.
const jobsPageFixture = `
select cardinality(jobs.enqueue_many('mail', array_fill('{"to": "ada"}'::jsonb, array[120]), queue => 'mail'));
select jobs.enqueue('later', run_at => now() + interval '1 day', queue => 'mail');
select jobs.limit_queue('idle', 3);
select jobs.limit_key('tenant:*', 2);
select jobs.schedule('nightly', '0 3 * * *', 'mail', queue => 'night');
insert into jobs.history (namespace, queue, at, ready, running, scheduled, blocked, dead, oldest_seconds, last_id, completed, failed, durations)
select '', '', date_bin('10 seconds', now(), '2000-01-01') - n * interval '10 seconds', 7, 3, 1, 0, 0, 1, 100 - n * 50, 200, 10, '{0,200,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}'
from generate_series(1, 60) as n;
set request.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
select jobs.enqueue('paint', '{"wall": 3}', queue => 'walls', concurrency_key => 'tenant:1');
`

// jobsPageRuns has one of them run, in steps.
const jobsPageRuns = `
select jobs.finish('00000000-0000-4000-8000-00000000000b', progress => jsonb_build_array(jsonb_build_object('id', c.id, 'token', c.token, 'percent', 40, 'message', 'half the wall'))),
	jobs.step(c.id, c.token, 'first', '{"coat": 1}')
from jobs.claim('00000000-0000-4000-8000-00000000000b', queues => '{walls}', lease => '1 day', name => 'bob') as c;
`

func TestJobsPageInChromium(t *testing.T) {
	t.Parallel()
	db := jobsDB(t)
	exec(t, db, jobsPageFixture)
	exec(t, db, `select jobs.promote()`)
	exec(t, db, jobsPageRuns)
	s := startServer(t, db, "FLUXBASE_MODULES=jobs,admin", "FLUXBASE_JOBS_WORK=false")
	runNode(t, s, "jobs.test.mjs", "FLUXBASE_TEST_CHROMIUM="+chromium(t))
	noServerErrors(t, s)
}

// The routes that the page asks are for operators alone, take what they say, and answer
// as psql does.
func TestJobsOfOperators(t *testing.T) {
	t.Parallel()
	db := jobsDB(t)
	exec(t, db, jobsPageFixture)
	exec(t, db, `select jobs.promote()`)
	exec(t, db, jobsPageRuns)
	s := startServer(t, db, "FLUXBASE_MODULES=jobs,admin", "FLUXBASE_JOBS_WORK=false")
	const at = "/api/v1/admin/jobs"
	service := "apikey: " + signToken(t, map[string]any{"role": "service_role"})
	key := func(arguments string) string {
		return "apikey: " + jobSessions(t, db, 1)[0].ask(`select key from auth.issue_service_key('k', `+arguments+`)`)
	}
	forJobs, forAdmin, forRest, reader := key(`modules => '{jobs}'`), key(`modules => '{admin}'`), key(`modules => '{rest}'`), key(`modules => '{jobs}', read_only => true`)
	id := jobSessions(t, db, 1)[0].ask(`select min(id) from jobs.ready where kind = 'mail'`)

	for _, tt := range []struct{ want, method, path, body, header string }{
		{"401 unauthorized", "GET", "/overview", "", "Accept: */*"},
		{"401 PGRST301", "GET", "/overview", "", "apikey: a.b.c"},
		{"403 forbidden", "GET", "/overview", "", "apikey: " + anonToken(t)},
		{"403 forbidden", "POST", "/jobs/" + id + "/cancel", "", "Authorization: Bearer " + userToken(t, ada)},
		{"403 key_module", "GET", "/overview", "", forRest},
		{"403 key_module", "GET", "/../service-keys", "", forJobs},
		{"403 key_read_only", "POST", "/jobs/" + id + "/cancel", "", reader},
		{"200", "GET", "/overview", "", reader},
		{"200", "GET", "/overview", "", forJobs},
		{"200", "GET", "/overview", "", forAdmin},
		{"405 method_not_allowed", "POST", "/overview", "", service},
		{"404 not_found", "GET", "/nothing", "", service},
		{"404 not_found", "GET", "/ui/nothing.js", "", service},
		{"400 invalid_request", "GET", "/overview?a=b", "", service},
		{"400 22023", "GET", "/jobs", "", service},
		{"400 22023", "GET", "/jobs?state=none", "", service},
		{"400 22023", "GET", "/jobs?state=dead&after=x", "", service},
		{"400 22P02", "GET", "/jobs?state=dead&limit=x", "", service},
		{"400 22P02", "GET", "/jobs?state=running&worker=me", "", service},
		{"400 22003", "GET", "/failures?before=99999999999999999999", "", service},
		{"400 22023", "GET", "/history?step=1s", "", service},
		{"400 22023", "GET", "/history?since=1999-01-01", "", service},
		{"400 22007", "GET", "/history?since=then", "", service},
		{"400 22P02", "GET", "/jobs/first", "", service},
		{"404 job_not_found", "GET", "/jobs/999999", "", service},
		{"404 job_not_found", "POST", "/jobs/999999/cancel", "", service},
		{"404 job_not_found", "POST", "/jobs/" + id + "/retry", "", service},
		{"404 job_not_found", "POST", "/schedules/run", `{"name":"none"}`, service},
		{"400 invalid_request", "POST", "/jobs/" + id + "/cancel", `{"most":1}`, service},
		{"400 invalid_request", "POST", "/jobs/" + id + "/cancel", `[]`, service},
		{"200", "POST", "/jobs/" + id + "/cancel", `{"reason":"no use"}`, service},
		{"200", "POST", "/schedules/pause", `{"name":"nightly"}`, forJobs},
	} {
		path := at + tt.path
		if tt.path == "/../service-keys" {
			path = "/api/v1/admin/service-keys"
		}
		s.code(t, tt.want, tt.method, path, tt.body, tt.header)
	}

	get := func(path string, to any) answer {
		t.Helper()
		a := s.code(t, "200", "GET", at+path, "", service)
		if err := json.Unmarshal([]byte(a.Body), to); err != nil {
			t.Fatalf("%s: %v", a.Body, err)
		}
		return a
	}
	var overview struct {
		All struct{ Ready, Running, Scheduled int }
	}
	a := get("/overview", &overview)
	if overview.All.Ready != 120 || overview.All.Running != 1 || overview.All.Scheduled != 1 {
		t.Errorf("the overview: %s", a.Body)
	}
	if again := s.call(t, "GET", at+"/overview", "", service, "If-None-Match: "+a.Header.Get("Etag")); again.Status != 304 || again.Body != "" {
		t.Errorf("unchanged: %d %s", again.Status, again.Body)
	}
	// All pages together are all jobs, once.
	seen := map[int64]bool{}
	for next := ""; ; {
		var page struct {
			Jobs []struct{ ID int64 }
			Next string
		}
		get("/jobs?state=ready&queue=mail&limit=50&after="+next, &page)
		for _, j := range page.Jobs {
			seen[j.ID] = true
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if len(seen) != 119 {
		t.Errorf("%d jobs on all pages, want 119", len(seen))
	}
	var history []struct {
		Ready              int
		Enqueued, P50, P99 *float64
	}
	if get("/history", &history); len(history) < 60 || history[5].Ready != 7 || history[5].Enqueued == nil || *history[5].Enqueued != 5 {
		t.Errorf("the history: %d, %+v", len(history), history[:min(6, len(history))])
	}
	var job struct {
		State, Trace string
		Steps        []struct{ Name string }
	}
	paint := jobSessions(t, db, 1)[0].ask(`select id from jobs.jobs where kind = 'paint'`)
	if get("/jobs/"+paint, &job); job.State != "running" || job.Trace != "0af7651916cd43dd8448eb211c80319c" || len(job.Steps) != 1 {
		t.Errorf("a job: %+v", job)
	}

	// The page asks for no key, and loads what is ours alone.
	for _, file := range []string{"", "/main.js", "/jobs.css", "/page.css", "/chart.js", "/icon.svg"} {
		a := s.call(t, "GET", at+"/ui"+file, "")
		if a.Status != 200 || !strings.Contains(a.Header.Get("Content-Security-Policy"), "script-src 'self';") || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", file, a.Status, a.Header)
		}
	}
	s.code(t, "401 unauthorized", "POST", at+"/ui", "")
	noServerErrors(t, s)
}

// Whoever maintains, each end is counted once, in a row for its ten seconds.
func TestHistoryCountsEachEndOnce(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	all := jobSessions(t, db, 6)
	all[0].do(`select jobs.enqueue_many('k', array_fill('1'::jsonb, '{600}'), 'a'); select jobs.enqueue_many('k', array_fill('1'::jsonb, '{600}'), 'b')`)
	var calls sync.WaitGroup
	for i, s := range all {
		calls.Go(func() {
			me := fmt.Sprintf(`'00000000-0000-4000-8000-00000000000%d'`, i)
			for range 20 {
				if i%3 == 0 {
					s.do(`select jobs.maintain()`)
					continue
				}
				s.ask(claimed(me, 10, []string{"", "a", "b"}[i%3]))
				s.ask(finishHeld(me, ""))
			}
		})
	}
	calls.Wait()
	all[0].do(`select jobs.maintain()`)
	all[0].wants("800 400 400", `select concat_ws(' ', sum(completed) filter (where queue = ''), sum(completed) filter (where queue = 'a'), sum(completed) filter (where queue = 'b')) from jobs.history`)
	all[0].wants("800 1600", `select concat_ws(' ', (select sum(jobs) from jobs.totals), (select sum(n) from jobs.history, unnest(durations) as n))`)
}
