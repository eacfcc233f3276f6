package tests

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// A request with an idempotency key enqueues once, however often and from wherever it is sent;
// its answer is that of the first.
func TestARequestThatIsSentAgainEnqueuesOnce(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	s := startJobs(t, db, "FLUXBASE_JOBS_WORK=false")
	service := "Authorization: Bearer " + signToken(t, map[string]any{"role": "service_role"})
	var mu sync.Mutex
	answers := map[string]int{}
	replayed := 0
	var twins sync.WaitGroup
	for range 8 {
		twins.Go(func() {
			for range 2 {
				a, err := s.try("POST", "/jobs/v1/enqueue", `[{"kind":"a"},{"kind":"b"}]`, service, "Idempotency-Key: twins")
				if err != nil || a.Status != 201 {
					t.Errorf("%d %s, %v", a.Status, a.Body, err)
				}
				mu.Lock()
				answers[a.Body]++
				if a.Header.Get("Idempotency-Replayed") == "true" {
					replayed++
				}
				mu.Unlock()
			}
		})
	}
	twins.Wait()
	if len(answers) != 1 || replayed != 15 {
		t.Errorf("the answers are %v, of them replayed %d", answers, replayed)
	}
	s.code(t, "422 idempotency_mismatch", "POST", "/jobs/v1/enqueue", `{"kind":"c"}`, service, "Idempotency-Key: twins")
	s.code(t, "400 idempotency_key_invalid", "POST", "/jobs/v1/enqueue", `{"kind":"c"}`, service, "Idempotency-Key: a b")
	// What failed may be tried again under its key.
	s.code(t, "400 22023", "POST", "/jobs/v1/enqueue", `{"kind":"c","prority":1}`, service, "Idempotency-Key: again")
	s.code(t, "201", "POST", "/jobs/v1/enqueue", `{"kind":"c"}`, service, "Idempotency-Key: again")
	if got := queryText(t, db, `select string_agg(kind, ',' order by id) from jobs.ready`); got != "a,b,c" {
		t.Errorf("enqueued are %s", got)
	}
}

// What psql says of steps, events, limits and schedules is said over HTTP too.
func TestRulesOfJobsOverHTTP(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	s := startJobs(t, db, "FLUXBASE_JOBS_WORK=false")
	do := func(want, method, path, body, answer string) {
		t.Helper()
		var got json.RawMessage
		s.jobs(t, want, method, path, body, &got)
		if answer != "" && string(got) != answer {
			t.Errorf("%s %s answers %s, want %s", method, path, got, answer)
		}
	}
	// A job in steps, which waits for an event.
	s.jobs(t, "201", "POST", "/enqueue", `{"kind":"order"}`, nil)
	var events []jobEvent
	claim := func() jobEvent {
		t.Helper()
		exec(t, db, `select jobs.promote()`)
		s.jobs(t, "200", "POST", "/claim", `{"worker":"`+workerA+`"}`, &events)
		if len(events) != 1 {
			t.Fatalf("claimed are %v", events)
		}
		return events[0]
	}
	first := claim()
	steps := fmt.Sprintf("/jobs/%d/steps", first.ID)
	do("200", "POST", steps, fmt.Sprintf(`{"token":%d,"name":"reserve","result":{"place":7}}`, first.Token), `{"result": {"place": 7}}`)
	do("200", "POST", steps, fmt.Sprintf(`{"token":%d,"name":"note"}`, first.Token), `{"result": null}`)
	do("200", "POST", "/finish", fmt.Sprintf(`{"worker":"%s","failed":[{"id":%d,"token":%d,"outcome":"suspended","event":"paid:1"}]}`, workerA, first.ID, first.Token), `[]`)
	do("404 job_not_found", "GET", "/events/paid:1", "", "")
	do("200", "POST", "/events", `{"name":"paid:1","payload":{"by":"card"}}`, `{"first": true}`)
	do("200", "POST", "/events", `{"name":"paid:1"}`, `{"first": false}`)
	var event struct {
		Payload struct{ By string }
	}
	s.jobs(t, "200", "GET", "/events/paid:1", "", &event)
	if event.Payload.By != "card" {
		t.Errorf("the event is %+v", event)
	}
	second := claim()
	do("409 job_not_running", "POST", steps, fmt.Sprintf(`{"token":%d,"name":"late","result":1}`, first.Token), "")
	do("200", "POST", steps, fmt.Sprintf(`{"token":%d,"name":"reserve","result":8}`, second.Token), `{"result": {"place": 7}}`)
	var done []struct{ Name string }
	s.jobs(t, "200", "GET", steps, "", &done)
	if len(done) != 2 || done[0].Name != "reserve" {
		t.Errorf("its steps are %v", done)
	}
	do("400 invalid_request", "POST", steps, `{}`, "")
	do("400 23502", "POST", "/events", `{}`, "")

	do("200", "PUT", "/queues/few/limit", `{"concurrency":3,"rate":0.5,"burst":2}`, "")
	do("200", "PUT", "/keys/tenant:*/limit", `{"concurrency":2}`, "")
	do("200", "GET", "/limits", "", `{"queues" : [{"namespace" : "default", "queue" : "few", "concurrency" : 3, "rate" : 0.5, "burst" : 2}], "keys" : [{"namespace":"default","key":"tenant:*","concurrency":2,"rate":null,"burst":null}]}`)
	do("200", "PUT", "/keys/tenant:*/limit", `{}`, "")
	do("200", "PUT", "/queues/few/limit", ``, "")
	do("200", "GET", "/limits", "", `{"queues" : [], "keys" : []}`)
	do("400 23514", "PUT", "/queues/few/limit", `{"concurrency":0}`, "")
	do("400 invalid_request", "PUT", "/queues/few/limit", `{"rate":"fast"}`, "")

	do("200", "PUT", "/schedules/report", `{"cron":"0 7 * * *","kind":"report","zone":"Europe/Paris","args":{"a":1},"timeout":60,"missed":"skip"}`, "")
	do("200", "POST", "/schedules/report/pause", "", `{"paused": true}`)
	do("200", "POST", "/schedules/report/resume", "", "")
	var run struct{ ID int64 }
	s.jobs(t, "200", "POST", "/schedules/report/run", "", &run)
	var list []struct {
		Name, Kind, Zone, Missed string
		LastJob                  int64    `json:"last_job_id"`
		NextRuns                 []string `json:"next_runs"`
	}
	s.jobs(t, "200", "GET", "/schedules", "", &list)
	if len(list) != 1 || list[0].Zone != "Europe/Paris" || list[0].Missed != "skip" || list[0].LastJob != run.ID || len(list[0].NextRuns) != 3 {
		t.Errorf("the schedules are %+v", list)
	}
	if got := queryText(t, db, fmt.Sprintf(`select concat_ws(' ', kind, args, meta ->> 'timeout') from jobs.jobs where id = %d`, run.ID)); got != `report {"a": 1} 60.000000` {
		t.Errorf("it enqueues %s", got)
	}
	do("200", "DELETE", "/schedules/report", "", `{"dropped": true}`)
	do("200", "DELETE", "/schedules/report", "", `{"dropped": false}`)
	do("404 job_not_found", "POST", "/schedules/report/pause", "", "")
	do("404 job_not_found", "POST", "/schedules/report/run", "", "")
	do("400 22023", "PUT", "/schedules/report", `{"cron":"never","kind":"report"}`, "")
	do("400 invalid_request", "PUT", "/schedules/report", `{"cron":"0 7 * * *"}`, "")
}

// Users see the jobs that they own, and nothing else; keys for jobs do all.
func TestWhoMayDoWhatWithJobs(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	s := startJobs(t, db, "FLUXBASE_JOBS_WORK=false")
	exec(t, db, `select jobs.enqueue('mine', owner => '`+ada+`'), jobs.enqueue('other', owner => '00000000-0000-4000-8000-0000000000ff'), jobs.enqueue('nobodys'), jobs.enqueue('mine', run_at => now() + interval '1 h', owner => '`+ada+`')`)
	user := "Authorization: Bearer " + userToken(t, ada)
	var list []struct {
		ID          int64
		Kind, State string
	}
	if err := json.Unmarshal([]byte(s.code(t, "200", "GET", "/jobs/v1/jobs", "", user).Body), &list); err != nil || len(list) != 2 || list[0].Kind != "mine" || list[1].Kind != "mine" || list[0].State != "scheduled" {
		t.Errorf("a user sees %+v, %v", list, err)
	}
	if a := s.code(t, "200", "GET", fmt.Sprintf("/jobs/v1/jobs/%d", list[1].ID), "", user); !strings.Contains(a.Body, `"failures": []`) {
		t.Errorf("one's own job is %s", a.Body)
	}
	if err := json.Unmarshal([]byte(s.code(t, "200", "GET", "/jobs/v1/jobs?state=ready&limit=1", "", user).Body), &list); err != nil || len(list) != 1 || list[0].State != "ready" {
		t.Errorf("a user finds %+v, %v", list, err)
	}
	other := queryText(t, db, `select id::text from jobs.ready where kind = 'other'`)
	s.code(t, "404 job_not_found", "GET", "/jobs/v1/jobs/"+other, "", user)
	for _, call := range []string{"GET /workers", "GET /stats", "GET /schedules", "GET /limits", "GET /handlers", "GET /events/a", "GET /jobs/1/steps", "POST /enqueue", "POST /claim", "POST /jobs/1/cancel", "PUT /schedules/a"} {
		method, path, _ := strings.Cut(call, " ")
		s.code(t, "403 forbidden", method, "/jobs/v1"+path, "", user)
	}
	s.code(t, "403 forbidden", "GET", "/jobs/v1/jobs", "", "Authorization: Bearer "+anonToken(t))
	key := "apikey: " + queryText(t, db, `select key from auth.issue_service_key('w', modules => '{jobs}')`)
	s.code(t, "200", "PUT", "/jobs/v1/schedules/a", `{"cron":"@daily","kind":"a"}`, key)
	s.code(t, "201", "POST", "/jobs/v1/enqueue", `{"kind":"a"}`, key, "Idempotency-Key: one")
	wrong := "apikey: " + queryText(t, db, `select key from auth.issue_service_key('r', modules => '{rest}')`)
	s.code(t, "403 key_module", "GET", "/jobs/v1/schedules", "", wrong)
}
