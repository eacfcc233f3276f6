package tests

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// One trace goes from a request through SQL that enqueues a job to the function that does it;
// what the function answers decides about the job, and it hears of its end.
func TestFunctionsDoJobs(t *testing.T) {
	t.Parallel()
	db, sink := dbtest.New(t), startTraceSink(t)
	deployed(t, db, "job", "env!")
	exec(t, db, `
		select jobs.set_handler('by_name', edge_function => 'job', queue => 'named');
		create function public.ask() returns bigint language sql security definer as $$ select functions.invoke('job', '{"say": "done", "progress": 40}', headers => '{"X-Mine": "yes"}', path => '/below') $$;
		grant execute on function public.ask to authenticated`)
	s := startFunctions(t, db, "a", append(sink.env(), "FLUXBASE_TRACE_TRUST=true", "FLUXBASE_JOBS_POLL=1h")...)
	const user = "5e0ec0de-0000-4000-8000-00000000000a"
	if a := s.call(t, "POST", "/rest/v1/rpc/ask", "", "Authorization: Bearer "+userToken(t, user), traceparent); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	request := sink.span(t, "POST /rest/v1/*path", callersSpan)
	trip := sink.span(t, "SELECT public.ask", request.ID)
	work := sink.span(t, "job functions.invoke", trip.ID)
	call := sink.span(t, "function job", work.ID)
	for _, one := range []span{request, trip, work, call} {
		if one.Trace != callersTrace {
			t.Errorf("%s is of the trace %s", one.Name, one.Trace)
		}
	}
	gives(t, db, "ok POST /job/below role:service_role "+callersTrace, `select coalesce(max(concat_ws(' ', outcome, method, path, caller, trace_id)), '') from functions.invocations`)
	if call.Attrs["execution_id"] == "" || call.Attrs["name"] != "job" || call.Attrs["method"] != "POST" || call.Attrs["url"] != "/job/below" || call.Attrs["duration_ms"] == "" || call.Attrs["status_code"] != "200" {
		t.Errorf("the span says %v", call.Attrs)
	}
	// A call over HTTP is below its request, and says who called.
	if a := s.call(t, "POST", "/functions/v1/job", "{}", "Authorization: Bearer "+userToken(t, user), traceparent); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	over := sink.span(t, "POST /functions/v1/*path", callersSpan)
	if direct := sink.span(t, "function job", over.ID); direct.Attrs["user_id"] != user {
		t.Errorf("the span says %v", direct.Attrs)
	}

	// Each call has its own place in a header; a worker keeps the one that it was started for.
	var places [2]string
	for i := range places {
		a := s.call(t, "GET", "/functions/v1/env", "", traceparent)
		if places[i] = a.Header.Get("X-Place"); !strings.HasPrefix(places[i], "00-"+callersTrace+"-") || !strings.Contains(a.Body, `"TRACEPARENT":"`+places[0]+`"`) {
			t.Errorf("call %d: %q %s", i, places[i], a.Body)
		}
	}
	if places[0] == places[1] {
		t.Errorf("both calls are %s", places[0])
	}

	// What it answers decides.
	exec(t, db, `select jobs.enqueue('by_name', '{"status": 500, "say": "why"}', queue => 'named', max_attempts => 1),
		jobs.enqueue('by_name', '{"status": 410, "say": "gone"}', queue => 'named'),
		jobs.enqueue('by_name', '{"status": 503, "say": "later", "headers": {"Retry-After": "3600"}}', queue => 'named'),
		jobs.enqueue('by_name', '{"say": "fine", "status": 201}', queue => 'named'), functions.invoke('job', '{"status": 400, "say": "bad"}', max_attempts => 1)`)
	gives(t, db, "the function job answered 400: bad|the function job answered 410: gone|the function job answered 500: why|the function job answered 503: later",
		`select coalesce(string_agg(error, '|' order by error), '') from jobs.failures`)
	gives(t, db, "3", `select count(*)::text from jobs.dead`)
	gives(t, db, "true", `select coalesce(bool_and(run_at > now() + interval '50 minutes'), false)::text from jobs.waiting`)

	// So is the result kept.
	gives(t, db, "201 fine", `select coalesce(max(status || ' ' || result), '') from functions.invocations where job = (select i.job from functions.invocations as i where i.result = 'fine')`)
	exec(t, db, `select functions.invoke('job', '{"say": "bytes", "headers": {"Content-Type": "application/octet-stream"}}')`)
	gives(t, db, "true", `select (count(*) = 1)::text from functions.invocations where output_bytes = 5 and result is null and path = '/job' and job is not null`)

	// Who cancels a job ends what its function does.
	exec(t, db, `select jobs.enqueue('by_name', '{"forever": true, "progress": 70}', queue => 'named', unique_key => 'endless')`)
	gives(t, db, "true", `select (count(*) > 0)::text from jobs.progress where percent = 70 and message = 'on its way'`)
	exec(t, db, `select jobs.cancel(id) from jobs.progress where percent = 70`)
	gives(t, db, "1", `select count(*)::text from functions.invocations where outcome = 'aborted'`)
	// A schedule calls a function as any other.
	exec(t, db, `select jobs.schedule('often', '* * * * *', 'functions.invoke', args => '{"function": "job", "body": {"say": "scheduled"}}', queue => 'functions');
		update jobs.schedules set next_run_at = now() - interval '1 minute'`)
	gives(t, db, "true", `select (count(*) >= 2)::text from functions.invocations where job is not null and path = '/job' and status = 200`)
}
