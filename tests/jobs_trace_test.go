package tests

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/jobs/dispatch"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// One trace goes through a request, the SQL that enqueues, the job in another process, and what
// that does: SQL, another job that it enqueues, and a call of a server elsewhere.
func TestATraceGoesOnInJobs(t *testing.T) {
	t.Parallel()
	db, sink := dbtest.New(t), startTraceSink(t)
	told := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		told <- r.Header.Get("Traceparent")
		w.WriteHeader(http.StatusGone)
	}))
	t.Cleanup(receiver.Close)
	const secret = "5e0ec0de-0000-4000-8000-000000000006"
	_, sealed := dispatch.Secrets.New(testKeys(t), secret)
	exec(t, db, whereInTrace+`;
		create schema app; grant usage on schema app to service_role;
		create table app.seen (place text); grant insert on app.seen to service_role;
		create function app.later(args jsonb) returns void language sql as $$
			insert into app.seen values (current_setting('request.traceparent', true));
			select jobs.enqueue('post') $$;
		select jobs.set_handler('later', 'app.later(jsonb)'), jobs.set_handler('post', url => '`+receiver.URL+`'), jobs.add_handler_secret('post', '`+secret+`', '`+sealed+`')`)
	front := startServer(t, db, append(sink.env(), "FLUXBASE_MODULES=rest", "FLUXBASE_TRACE_TRUST=true", "OTEL_SERVICE_NAME=front")...)
	startJobs(t, db, append(append(streams(db, "a"), sink.env()...), "OTEL_SERVICE_NAME=back", "FLUXBASE_ENCRYPTION_KEY="+encryptionKey, "FLUXBASE_JOBS_PRIVATE_ADDRESSES=true")...)

	if a := front.call(t, "POST", "/rest/v1/rpc/do_later", "", "Authorization: Bearer "+userToken(t, ada), traceparent); a.Status != http.StatusOK {
		t.Fatalf("a job can't be enqueued: %d %s", a.Status, a.Body)
	}
	request := sink.span(t, "POST /rest/v1/*path", callersSpan)
	enqueued := sink.span(t, "SELECT public.do_later", request.ID)
	job := sink.span(t, "job later", enqueued.ID)
	does := sink.span(t, "SELECT app.later", job.ID)
	next := sink.span(t, "job post", does.ID)
	asked := sink.span(t, "POST", next.ID)
	for _, of := range []span{request, enqueued, job, does, next, asked} {
		service := "back"
		if of.ID == request.ID || of.ID == enqueued.ID {
			service = "front"
		}
		if of.Trace != callersTrace || of.Service != service || of.Failed != (of.ID == next.ID || of.ID == asked.ID) {
			t.Errorf("%+v is not of the trace, or not as it went", of)
		}
	}
	gives(t, db, "00-"+callersTrace+"-"+does.ID+"-01", `select coalesce(string_agg(place, ','), '') from app.seen`)
	if place := <-told; place != "00-"+callersTrace+"-"+asked.ID+"-01" && place != "00-"+callersTrace+"-"+next.ID+"-01" {
		t.Errorf("the server elsewhere is told %s; the job is %+v", place, next)
	}
	attempt := map[string]string{"attempt": "1", "namespace": "default", "queue": "default", "priority": "2"}
	for name, want := range attempt {
		if job.Attrs[name] != want {
			t.Errorf("the job's %s is %q, want %q", name, job.Attrs[name], want)
		}
	}
	if job.Attrs["job_id"] == "" || job.Attrs["worker_id"] == "" {
		t.Errorf("the job is %v", job.Attrs)
	}
}
