package jobs

import (
	"embed"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/fluxbase/fluxbase/proxy/web"
)

//go:embed ui
var uiFiles embed.FS

// UI is the page by which operators watch the queue. It asks the routes of Operations.
var UI = web.Page{Path: "/api/v1/admin/jobs/ui", Files: uiFiles, Folder: "ui"}

// PageEndpoints describes it for /openapi.json.
func PageEndpoints() []web.Endpoint {
	page := func(id, path, about, kind string) web.Endpoint {
		return web.Endpoint{
			Method: http.MethodGet, Path: UI.Path + path, ID: "admin." + id, Tag: "admin", About: about,
			Answers: []web.Answer{
				{Status: http.StatusOK, About: "It.", Type: kind, Schema: json.RawMessage(`{"type":"string"}`)},
				{Status: http.StatusNotModified, About: "The one that If-None-Match names."},
			},
		}
	}
	file := page("jobs_ui_file", "/{file}", "A file of that page", "text/javascript")
	file.Parameters = []web.Parameter{{Name: "file", In: "path", About: "Its name."}}
	return []web.Endpoint{page("jobs_ui", "", "The page that shows the queues of jobs", "text/html"), file}
}

// look is a route that shows something: sql takes what the path holds, if anything, and
// then the parameters of the query in their order.
type look struct {
	path, id, about string
	asks            []string
	sql             string
}

var looks = []look{
	{
		"/jobs/overview", "jobs_overview", "How the queues are now\nWith their pauses and limits; ready jobs beyond 1,000 of a priority are estimated.", nil,
		`select jobs.overview()::text`,
	}, {
		"/jobs/history", "jobs_history", "How the queues were\nOf the last hour by 10 seconds, of the last day by minutes: jobs by state, how many a second were enqueued, completed and failed, and how long they took.",
		[]string{"since", "step", "queue", "namespace"},
		`select coalesce(json_agg(h order by h.at), '[]')::text
		from jobs.read_history(coalesce($1::timestamptz, now() - interval '1 hour'), coalesce($2::interval, '10 seconds'), $3, $4) as h`,
	}, {
		"/jobs/jobs", "jobs_list", "Jobs of a state\nready, running, retrying, scheduled, blocked, dead or completed. A page may be short or empty and have a next: a rare kind is not looked for without end.",
		[]string{"state", "queue", "kind", "namespace", "worker", "after", "limit"},
		`select jobs.list_jobs($1, $2, $3, $4, $5::uuid, $6, coalesce($7::integer, 100))::text`,
	}, {
		"/jobs/jobs/*", "jobs_get", "All that is known of a job\nIts arguments, progress, steps, failures and trace.", nil,
		`select jobs.get_job($1::bigint)::text`,
	}, {
		"/jobs/failures", "jobs_failures", "Attempts that did not succeed, the newest first\nPages as of jobs.",
		[]string{"queue", "kind", "namespace", "outcome", "before", "limit"},
		`select jobs.list_failures($1, $2, $3, $4, $5::bigint, coalesce($6::integer, 100))::text`,
	}, {
		"/jobs/schedules", "jobs_schedules", "What is scheduled, and when it comes next",
		[]string{"after", "limit"},
		`select jsonb_build_object('schedules', coalesce(jsonb_agg(to_jsonb(s) order by s.name), '[]'), 'next', case when count(*) = max(s.most) then max(s.name) end)::text
		from (
			select s.*, m.most from (select least(greatest(coalesce($2::integer, 100), 1), 1000)) as m (most)
			cross join lateral (select s.* from jobs.schedule_list as s where $1::text is null or s.name > $1 order by s.name limit m.most) as s
		) as s`,
	}, {
		"/jobs/limits", "jobs_limits", "The limits of concurrency keys, and their use",
		[]string{"namespace", "after", "limit"},
		`select jobs.list_limits($1, $2, coalesce($3::integer, 100))::text`,
	}, {
		"/jobs/workers", "jobs_workers", "Who works on jobs, and how many each has",
		[]string{"after", "limit"},
		`select jobs.list_workers($1::uuid, coalesce($2::integer, 100))::text`,
	},
}

// act is a route that does something: sql takes what the path holds, if anything, and then
// the fields of the body in their order. Where it gives null, none is what was not there.
type act struct {
	path, id, about string
	takes           []string
	sql, none       string
}

var acts = []act{
	{
		"/jobs/jobs/*/cancel", "jobs_cancel", "Cancel a job\nOne that runs is told to stop.",
		[]string{"reason"},
		`select jsonb_build_object('id', $1::bigint, 'state', s.state)::text from jobs.cancel($1::bigint, coalesce($2, 'cancelled')) as s (state) where s.state is not null`, noJob,
	}, {
		"/jobs/jobs/*/retry", "jobs_retry", "Run a job now that is dead, or waits", nil,
		`select jsonb_build_object('id', $1::bigint, 'state', 'ready')::text from jobs.retry($1::bigint) as r (done) where r.done`, "no job of this id is dead, or waits for its time",
	}, {
		"/jobs/queues/*/pause", "jobs_pause", "Pause a queue\nWhat runs goes on.",
		[]string{"namespace", "reason"},
		`select jsonb_build_object('paused', jobs.pause($1, coalesce($2, 'default'), coalesce($3, 'paused')) is not null)::text`, "",
	}, {
		"/jobs/queues/*/resume", "jobs_resume", "End the pause of a queue",
		[]string{"namespace"},
		`select jsonb_build_object('resumed', jobs.resume($1, coalesce($2, 'default')))::text`, "",
	}, {
		"/jobs/queues/*/redrive", "jobs_redrive", "Run dead jobs of a queue again\nOf one kind or all, those first that died first, at most as many as most says (1,000).",
		[]string{"namespace", "kind", "most"},
		`select jsonb_build_object('jobs', jobs.redrive($1, coalesce($2, 'default'), $3, coalesce($4::integer, 1000)))::text`, "",
	}, {
		"/jobs/schedules/run", "jobs_run_schedule", "Enqueue the job of a schedule now",
		[]string{"name"},
		`select jsonb_build_object('id', jobs.run_schedule($1))::text`, "",
	}, {
		"/jobs/schedules/pause", "jobs_pause_schedule", "Pause a schedule",
		[]string{"name"},
		`select jsonb_build_object('paused', jobs.pause_schedule($1) is not null)::text`, "",
	}, {
		"/jobs/schedules/resume", "jobs_resume_schedule", "End the pause of a schedule\nThe answer says when it comes next.",
		[]string{"name"},
		`select jsonb_build_object('next_run_at', jobs.resume_schedule($1))::text`, "",
	},
}

// Operations are the routes by which operators watch the queue and interfere.
func Operations() []web.OperatorRoute {
	var list []web.OperatorRoute
	add := func(method, path, id, about string, answer func(*web.Operator) ([]byte, error)) *web.OperatorRoute {
		list = append(list, web.OperatorRoute{
			Method: method, Path: path, ID: id, About: about, Answer: answer,
			Status: http.StatusOK, Module: "jobs", Missing: "job_not_found", Codes: []string{"job_not_found"},
		})
		return &list[len(list)-1]
	}
	for _, l := range looks {
		rt := add(http.MethodGet, l.path, l.id, l.about, l.answer)
		for _, name := range l.asks {
			rt.Parameters = append(rt.Parameters, web.Parameter{Name: name, In: "query", About: asked[name]})
		}
	}
	for _, a := range acts {
		rt := add(http.MethodPost, a.path, a.id, a.about, a.answer)
		for i, name := range a.takes {
			if i > 0 {
				rt.Takes += ","
			}
			rt.Takes += `"` + name + `":` + taken[name]
		}
	}
	return list
}

// asked says what the parameters of queries are.
var asked = map[string]string{
	"state": "Of which state.", "queue": "Of this queue.", "kind": "Of this kind.", "namespace": "Of this namespace.", "worker": "Running ones of this worker, a UUID.",
	"outcome": "failed, timeout, lost, interrupted or cancelled.", "limit": "How many of them, 100 unless told and 1000 at most.",
	"after": "The next of the page before.", "before": "The next of the page before.",
	"since": "From when on, an hour ago unless told.", "step": "How long each step is, as Postgres reads an interval: 10 seconds unless told, so that 2,000 are enough.",
}

var taken = map[string]string{"reason": aText, "namespace": aText, "kind": aText, "name": aText, "most": anInteger}

func (l look) answer(op *web.Operator) ([]byte, error) {
	query := op.Request.URL.Query()
	var args [][]byte
	if op.Name != "" {
		args = append(args, []byte(op.Name))
	}
	for _, name := range l.asks {
		var value []byte
		if text := query.Get(name); text != "" {
			value = []byte(text)
		}
		args = append(args, value)
	}
	for name := range query {
		if !slices.Contains(l.asks, name) {
			e := web.New("invalid_request", "the query has a parameter that this route does not take")
			e.Hint = "/openapi.json lists them"
			return nil, e
		}
	}
	return op.Ask(l.sql, args...)
}

func (a act) answer(op *web.Operator) ([]byte, error) {
	var in struct {
		Name      *string `json:"name"`
		Namespace *string `json:"namespace"`
		Reason    *string `json:"reason"`
		Kind      *string `json:"kind"`
		Most      *int    `json:"most"`
	}
	if err := op.Read(&in); err != nil {
		return nil, err
	}
	given := map[string][]byte{"name": arg(in.Name), "namespace": arg(in.Namespace), "reason": arg(in.Reason), "kind": arg(in.Kind), "most": number(in.Most)}
	var args [][]byte
	if op.Name != "" {
		args = append(args, []byte(op.Name))
	}
	for _, name := range a.takes {
		args = append(args, given[name])
		delete(given, name)
	}
	for _, value := range given {
		if value != nil {
			return nil, web.New("invalid_request", "the body is not an object of the fields that this route takes")
		}
	}
	body, err := op.Ask(a.sql, args...)
	if err == nil && body == nil {
		err = web.New("job_not_found", a.none)
	}
	return body, err
}
