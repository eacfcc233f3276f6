package tests

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/proxy/webhook"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// jobsFixture has a table of effects and functions that jobs call.
const jobsFixture = `
create schema app;
grant usage on schema app to service_role, authenticated;
create table app.effects (id bigint generated always as identity, job bigint, kind text, args jsonb, who text, at timestamptz default clock_timestamp());
grant all on app.effects to service_role, authenticated;
create function app.note(args jsonb) returns void language sql as $$
  insert into app.effects (kind, args, who) values ('note', args, current_user) $$;
create function app.note_job(job jsonb) returns void language sql as $$
  insert into app.effects (job, kind, args, who) values ((job ->> 'id')::bigint, job ->> 'kind', job -> 'args', current_user) $$;
create function app.fail(args jsonb) returns void language plpgsql as $$
  begin raise exception 'no %', args ->> 'what' using detail = 'because'; end $$;
create function app.slow(job jsonb) returns void language plpgsql as $$
  begin perform pg_sleep((job #>> '{args,seconds}')::float); perform app.note_job(job); end $$;
select jobs.set_handler('note', 'app.note(jsonb)');
select jobs.set_handler('note_job', 'app.note_job(jsonb)', role => 'authenticated');
select jobs.set_handler('fail', 'app.fail(jsonb)');
select jobs.set_handler('slow', 'app.slow(jsonb)');
grant insert on app.effects to authenticated;`

// jobsDB is a database with that.
func jobsDB(t *testing.T) *dbtest.DB {
	t.Helper()
	db := dbtest.New(t)
	exec(t, db, jobsFixture)
	return db
}

// startJobs runs a process that works on jobs alone.
func startJobs(t *testing.T, db *dbtest.DB, env ...string) *server {
	t.Helper()
	s := startServer(t, db, append([]string{"FLUXBASE_MODULES=jobs"}, env...)...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the worker:\n%s", tail(s.Log()))
		}
	})
	return s
}

// streams has a process follow the changes of db.
func streams(db *dbtest.DB, name string) []string {
	return []string{"FLUXBASE_REPLICATION_DATABASE_URL=" + db.URL(sql.Replication), "FLUXBASE_REALTIME_INSTANCE=" + db.Name + "_" + name}
}

// gives waits until a query gives a text.
func gives(t *testing.T, db *dbtest.DB, want, query string) {
	t.Helper()
	conn := db.Conn(t)
	got := ""
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		if err := conn.QueryRow(t.Context(), query).Scan(&got); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if got == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s\ngives %q, want %q", query, got, want)
}

// A job that psql enqueues is done by a function, told of by the log: nobody looks for it.
func TestJobsThatAreFunctions(t *testing.T) {
	t.Parallel()
	db := jobsDB(t)
	startJobs(t, db, append(streams(db, "a"), "FLUXBASE_JOBS_POLL=1h")...)
	exec(t, db, `select jobs.enqueue('note', '{"n": 1}'), jobs.enqueue('note_job', '{"n": 2}'), jobs.enqueue('fail', '{"what": "way"}', max_attempts => 1),
		jobs.enqueue('slow', '{"seconds": 60}', timeout => '1 s', max_attempts => 1), jobs.enqueue('unheard', max_attempts => 1)`)
	gives(t, db, `note {"n": 1} service_role, note_job {"n": 2} authenticated`,
		`select coalesce(string_agg(concat_ws(' ', kind, args, who), ', ' order by kind), '') from app.effects`)
	gives(t, db, `failed no way (SQLSTATE P0001) because PL/pgSQL function app.fail(jsonb) line 2 at RAISE, failed no handler is set for jobs of the kind "unheard", timeout it took longer than 1s: canceling statement due to user request (SQLSTATE 57014) SQL statement`,
		`select coalesce(string_agg(concat_ws(' ', outcome, replace(error, e'\n', ' '), case outcome when 'timeout' then left(stack, 13) else stack end), ', ' order by kind = 'slow', kind), '') from jobs.failures`)
	gives(t, db, "3", `select count(*)::text from jobs.dead`)
	gives(t, db, "0", `select count(*)::text from jobs.batches`)
}

// jobs calls /jobs/v1 and reads the answer.
func (s *server) jobs(t *testing.T, want, method, path, body string, to any) {
	t.Helper()
	a := s.code(t, want, method, "/jobs/v1"+path, body, "Authorization: Bearer "+signToken(t, map[string]any{"role": "service_role"}))
	if to != nil {
		if err := json.Unmarshal([]byte(a.Body), to); err != nil {
			t.Fatalf("%s %s: %s: %v", method, path, a.Body, err)
		}
	}
}

// jobEvent is what a worker is told.
type jobEvent struct {
	Event   string
	ID      int64
	Token   int64
	Kind    string
	Args    json.RawMessage
	Attempt int
}

const (
	workerA = "00000000-0000-4000-8000-00000000000a"
	workerB = "00000000-0000-4000-8000-00000000000b"
)

// Workers in any language speak HTTP.
func TestJobsOfWorkersElsewhere(t *testing.T) {
	t.Parallel()
	db := jobsDB(t)
	s := startJobs(t, db, append(streams(db, "a"), "FLUXBASE_JOBS_POLL=1h")...)

	// Who waits is woken by the log.
	waits := make(chan []jobEvent)
	go func() {
		var events []jobEvent
		s.jobs(t, "200", "POST", "/claim", `{"worker":"`+workerA+`","queues":["far"],"want":10,"wait":50,"lease":"1 hour","name":"a"}`, &events)
		waits <- events
	}()
	gives(t, db, "1", `select count(*)::text from jobs.workers where name = 'a'`)
	var one struct{ ID int64 }
	s.jobs(t, "201", "POST", "/enqueue", `{"kind":"walk","args":{"to":"sea"},"queue":"far"}`, &one)
	events := <-waits
	if len(events) != 1 || events[0].Event != "run" || events[0].ID != one.ID || string(events[0].Args) != `{"to": "sea"}` || events[0].Attempt != 1 {
		t.Fatalf("the claim that waited got %+v", events)
	}
	first := events[0]

	var many struct{ IDs []int64 }
	s.jobs(t, "201", "POST", "/enqueue", `[{"kind":"a","queue":"far"},{"kind":"b","queue":"far","max_attempts":1},{"kind":"a","queue":"far","unique_key":"k"},{"kind":"a","queue":"far","unique_key":"k"}]`, &many)
	if len(many.IDs) != 4 || many.IDs[2] != many.IDs[3] {
		t.Fatalf("got %v", many.IDs)
	}
	s.jobs(t, "200", "POST", "/claim", `{"worker":"`+workerA+`","queues":["far"],"want":10}`, &events)
	if len(events) != 3 {
		t.Fatalf("got %+v", events)
	}
	byID := map[int64]jobEvent{}
	for _, e := range events {
		byID[e.ID] = e
	}
	var held []jobEvent
	s.jobs(t, "200", "GET", "/workers/"+workerA+"/jobs", "", &held)
	if len(held) != 4 {
		t.Errorf("it holds %+v", held)
	}

	// One is done, one fails for good, of one we hear that it is to stop.
	s.jobs(t, "200", "POST", fmt.Sprintf("/jobs/%d/cancel", many.IDs[2]), `{"reason":"nobody wants it"}`, nil)
	s.jobs(t, "200", "POST", "/heartbeat", `{"worker":"`+workerA+`","lease":3600}`, &events)
	if len(events) != 1 || events[0].Event != "cancel" || events[0].ID != many.IDs[2] {
		t.Errorf("told %+v, want to cancel %d", events, many.IDs[2])
	}
	s.jobs(t, "200", "POST", "/progress", fmt.Sprintf(`{"worker":"%s","progress":[{"id":%d,"token":%d,"percent":40,"message":"at the hill"}]}`, workerA, first.ID, first.Token), nil)
	var job struct {
		State    string
		Percent  float64
		Failures []struct{ Outcome, Error string }
	}
	s.jobs(t, "200", "GET", fmt.Sprintf("/jobs/%d", first.ID), "", &job)
	if job.State != "running" || job.Percent != 40 {
		t.Errorf("got %+v", job)
	}
	b := byID[many.IDs[1]]
	s.jobs(t, "200", "POST", "/finish", fmt.Sprintf(`{"worker":"%s","done":[{"id":%d,"token":%d}],"failed":[{"id":%d,"token":%d,"error":"no way"},{"id":%d,"token":%d,"outcome":"cancelled","error":"as told"}]}`,
		workerA, first.ID, first.Token, b.ID, b.Token, many.IDs[2], byID[many.IDs[2]].Token), &events)
	if len(events) != 0 {
		t.Errorf("told %+v", events)
	}
	s.jobs(t, "200", "GET", fmt.Sprintf("/jobs/%d", b.ID), "", &job)
	if job.State != "dead" || len(job.Failures) != 1 || job.Failures[0].Error != "no way" {
		t.Errorf("got %+v", job)
	}
	var listed []struct{ ID int64 }
	s.jobs(t, "200", "GET", "/jobs?state=dead&queue=far", "", &listed)
	if len(listed) != 1 || listed[0].ID != b.ID {
		t.Errorf("dead are %+v", listed)
	}
	var redriven struct{ Jobs int }
	s.jobs(t, "200", "POST", "/queues/far/redrive", `{"kind":"b"}`, &redriven)

	// What was taken away is lost to who had it.
	exec(t, db, `update jobs.workers set live_until = '-infinity'; select jobs.expire()`)
	a := byID[many.IDs[0]]
	s.jobs(t, "200", "POST", "/claim", `{"worker":"`+workerB+`","queues":["far"],"want":10,"wait":20}`, &events)
	if redriven.Jobs != 1 || len(events) != 2 {
		t.Errorf("redriven are %d, and claimed %+v", redriven.Jobs, events)
	}
	s.jobs(t, "200", "POST", "/finish", fmt.Sprintf(`{"worker":"%s","done":[{"id":%d,"token":%d}]}`, workerA, a.ID, a.Token), &events)
	if len(events) != 1 || events[0].Event != "lost" || events[0].ID != a.ID {
		t.Errorf("told %+v, want lost", events)
	}

	// Queues and workers are told to stop, and nobody else may say so.
	s.jobs(t, "200", "POST", "/queues/far/pause", `{"reason":"flood"}`, nil)
	s.jobs(t, "201", "POST", "/enqueue", `{"kind":"a","queue":"far"}`, nil)
	s.jobs(t, "200", "POST", "/claim", `{"worker":"`+workerB+`","queues":["far"]}`, &events)
	if len(events) != 0 {
		t.Errorf("a paused queue gives %+v", events)
	}
	s.jobs(t, "200", "POST", "/queues/far/resume", "", nil)
	s.jobs(t, "200", "POST", "/workers/"+workerB+"/drain", "", nil)
	s.jobs(t, "409 worker_draining", "POST", "/claim", `{"worker":"`+workerB+`"}`, nil)
	s.jobs(t, "404 job_not_found", "POST", "/workers/"+workerA[:35]+"c/drain", "", nil)
	s.jobs(t, "404 job_not_found", "GET", "/jobs/999999", "", nil)
	s.jobs(t, "404 job_not_found", "POST", "/jobs/999999/retry", "", nil)
	s.jobs(t, "400 22P02", "GET", "/jobs/x", "", nil)
	s.jobs(t, "400 22023", "POST", "/enqueue", `{"kind":"a","prority":1}`, nil)
	s.jobs(t, "400 22023", "POST", "/enqueue", ``, nil)
	s.jobs(t, "400 invalid_request", "POST", "/claim", `{"worker":"`+workerB+`","wait":61}`, nil)
	s.jobs(t, "400 22023", "POST", "/claim", `{}`, nil)
	s.code(t, "401 unauthorized", "POST", "/jobs/v1/enqueue", `{"kind":"a"}`)
	s.code(t, "403 forbidden", "POST", "/jobs/v1/enqueue", `{"kind":"a"}`, "Authorization: Bearer "+userToken(t, ada))
	var stats struct {
		Lanes []struct {
			Queue          string
			Ready, Running int
		}
	}
	s.jobs(t, "200", "GET", "/stats", "", &stats)
	if len(stats.Lanes) != 1 || stats.Lanes[0].Queue != "far" || stats.Lanes[0].Ready != 1 || stats.Lanes[0].Running != 2 {
		t.Errorf("got %+v", stats)
	}
	gives(t, db, "1", `select count(*)::text from jobs.failures where outcome = 'lost'`)
}

// A job is posted to a server, which can tell who sent it; what it answers decides.
func TestJobsThatArePosts(t *testing.T) {
	t.Parallel()
	db := jobsDB(t)
	var mu sync.Mutex
	var key []byte
	seen := map[string]int{}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		var job struct {
			ID   int64
			Args struct{ Answer int }
		}
		seconds, err := strconv.ParseInt(r.Header.Get("Webhook-Timestamp"), 10, 64)
		want := http.Header{}
		webhook.Sign(want, [][]byte{key}, r.Header.Get("Webhook-Id"), time.Unix(seconds, 0), body)
		if json.Unmarshal(body, &job) != nil || err != nil || r.Header.Get("Webhook-Signature") != want.Get("Webhook-Signature") || r.Header.Get("Webhook-Id") != fmt.Sprintf("job_%d", job.ID) {
			t.Errorf("got %v %s", r.Header, body)
		}
		seen[strconv.Itoa(job.Args.Answer)]++
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(job.Args.Answer)
		_, _ = io.WriteString(w, strings.Repeat("x", 2000))
	}))
	t.Cleanup(receiver.Close)
	s := startJobs(t, db, append(streams(db, "a"), "FLUXBASE_JOBS_POLL=1h", "FLUXBASE_ENCRYPTION_KEY="+encryptionKey, "FLUXBASE_JOBS_PRIVATE_ADDRESSES=true")...)
	exec(t, db, `select jobs.set_handler('post', url => '`+receiver.URL+`/hook'), jobs.set_handler('out', url => 'https://a.test')`)
	mu.Lock()
	for _, kind := range []string{"post", "out"} {
		var made struct{ ID, Secret string }
		s.jobs(t, "201", "POST", "/handlers/"+kind+"/secrets", "", &made)
		if kind == "post" {
			key, _ = base64.StdEncoding.DecodeString(strings.TrimPrefix(made.Secret, webhook.Prefix))
		}
	}
	mu.Unlock()
	s.jobs(t, "404 job_not_found", "POST", "/handlers/note/secrets", "", nil)
	exec(t, db, `select jobs.enqueue_all('[{"kind":"post","args":{"answer":200}},{"kind":"post","args":{"answer":410}},{"kind":"post","args":{"answer":503}},{"kind":"post","args":{"answer":500},"max_attempts":1}]')`)
	gives(t, db, `post `+receiver.Listener.Addr().String()+` answered 410: xxx 1000|post `+receiver.Listener.Addr().String()+` answered 500: xxx 1000|post `+receiver.Listener.Addr().String()+` answered 503: xxx 1000`,
		`select coalesce(string_agg(kind || ' ' || regexp_replace(error, 'xxxx+', 'xxx ' || coalesce(length(substring(error from 'x+$')), 0)), '|' order by kind, error), '') from jobs.failures`)
	gives(t, db, "2", `select count(*)::text from jobs.dead`)
	gives(t, db, "true", `select (run_at > now() + interval '50 minutes')::text from jobs.waiting`)
	var handlers []struct {
		Kind    string
		Secrets []string
	}
	s.jobs(t, "200", "GET", "/handlers", "", &handlers)
	if len(handlers) != 6 || handlers[4].Kind != "post" || len(handlers[4].Secrets) != 1 {
		t.Errorf("got %+v", handlers)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 4 {
		t.Errorf("answered were %v", seen)
	}
}

// Processes share the work: each job is done once, also when one of them dies; what that one
// had is done by the others when its lease ends, and so it is told.
func TestJobsOfTwoProcesses(t *testing.T) {
	t.Parallel()
	db := jobsDB(t)
	a := startJobs(t, db, append(streams(db, "a"), "FLUXBASE_JOBS_LEASE=3s", "FLUXBASE_JOBS_CONCURRENCY=5")...)
	b := startJobs(t, db, append(streams(db, "b"), "FLUXBASE_JOBS_LEASE=3s", "FLUXBASE_JOBS_CONCURRENCY=5")...)
	exec(t, db, `select jobs.enqueue_many('note_job', array(select jsonb_build_object('n', i) from generate_series(1, 2000) as i))`)
	gives(t, db, "2000 2000", `select count(*) || ' ' || count(distinct job) from app.effects`)
	gives(t, db, "2", `select count(*)::text from jobs.workers`)

	exec(t, db, `select jobs.enqueue_many('slow', array_fill('{"seconds": 2}'::jsonb, array[10]))`)
	gives(t, db, "true", `select (count(distinct b.worker) = 2 and sum(size) = 10)::text from jobs.batches as b`)
	_ = a.cmd.Process.Kill()
	<-a.done
	gives(t, db, "10", `select count(distinct job)::text from app.effects where kind = 'slow'`)
	gives(t, db, "0", `select count(*)::text from jobs.batches`)
	gives(t, db, "lost", `select coalesce(string_agg(distinct outcome, ','), '') from jobs.failures`)
	// A function of the database goes on without the process that has called it, so there may
	// be two, but of none that was not told of.
	gives(t, db, "0", `select count(*)::text from (select job from app.effects where kind = 'slow' group by job having count(*) > 1) as e where not exists (select from jobs.failures as f where f.job = e.job)`)
	eventually(t, "metrics", func() bool {
		return b.metric(t, "fluxbase_jobs_completed_total", map[string]string{"namespace": "default", "name": "slow"}) == 10
	})
	if n := b.metric(t, "fluxbase_jobs_completed_total", map[string]string{"namespace": "default", "name": "note_job"}); n != 2000 {
		t.Errorf("%g jobs are counted, want 2000", n)
	}
	if n := b.metric(t, "fluxbase_jobs_failed_total", map[string]string{"namespace": "default", "name": "slow", "reason": "lost"}); n < 1 {
		t.Errorf("%g jobs are counted as lost", n)
	}
	for name, want := range map[string]float64{"fluxbase_jobs_processing": 0, "fluxbase_job_workers_active": 1, "fluxbase_job_worker_utilization": 0} {
		eventually(t, name, func() bool { return b.metric(t, name, nil) == want })
	}
}

// A process that is told to stop lets its jobs end, and those that do not end in time are
// done again by others.
func TestJobsOutliveTheirProcess(t *testing.T) {
	t.Parallel()
	db := jobsDB(t)
	exec(t, db, `create table app.gate (id integer); create function app.wait(job jsonb) returns void language plpgsql as $$
		begin
			if (job #>> '{args,quick}')::boolean then
				while not exists (select from app.gate) loop perform pg_sleep(0.02); end loop;
			elsif (job ->> 'worker') = (select id::text from app.first) then
				perform pg_sleep(3600);
			end if;
			perform app.note_job(job);
		end $$; create table app.first (id uuid); grant select on app.gate, app.first to service_role;
		select jobs.set_handler('wait', 'app.wait(jsonb)')`)
	a := startJobs(t, db, append(streams(db, "a"), "FLUXBASE_JOBS_CONCURRENCY=20", "FLUXBASE_JOBS_GRACEFUL_SHUTDOWN_TIMEOUT=2s")...)
	gives(t, db, "1", `select count(*)::text from jobs.workers`)
	exec(t, db, `insert into app.first select id from jobs.workers;
		select jobs.enqueue_many('wait', array(select jsonb_build_object('quick', i <= 12) from generate_series(1, 20) as i))`)
	gives(t, db, "20", `select coalesce(sum(size), 0)::text from jobs.batches`)
	b := startJobs(t, db, append(streams(db, "b"), "FLUXBASE_JOBS_CONCURRENCY=20")...)
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	gives(t, db, "1", `select count(*)::text from jobs.workers where draining_at is not null`)
	exec(t, db, `insert into app.gate values (1)`)
	gives(t, db, "20 20", `select count(*) || ' ' || count(distinct job) from app.effects`)
	<-a.done
	if a.err != nil {
		t.Errorf("it ended with %v", a.err)
	}
	gives(t, db, "interrupted 1 8", `select string_agg(distinct outcome || ' ' || attempt, ',') || ' ' || count(*) from jobs.failures`)
	gives(t, db, "0", `select count(*)::text from jobs.batches`)
	gives(t, db, "1", `select count(*)::text from jobs.workers`)
	if log := b.Log(); strings.Contains(log, "too late") {
		t.Errorf("a job was finished too late:\n%s", log)
	}
}
