package jobs

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

func listSteps(h *Handler, c *call) error {
	return h.tell(c, pg.ReadOnly, http.StatusOK, "", `select coalesce(json_agg(json_build_object('name', s.name, 'result', s.result, 'at', s.at) order by s.at, s.name), '[]')::text
		from jobs.steps as s where s.job = $1::bigint`, []byte(c.part))
}

// storeStep answers with what the step came to first.
func storeStep(h *Handler, c *call) error {
	var in struct {
		Token  *int64          `json:"token"`
		Name   *string         `json:"name"`
		Result json.RawMessage `json:"result"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if in.Token == nil || in.Name == nil {
		return web.New("invalid_request", "a step has the token of the job, a name and a result")
	}
	err := h.tell(c, pg.ReadWrite, http.StatusOK, "", `select jsonb_build_object('result', jobs.step($1::bigint, $2::bigint, $3, coalesce($4::jsonb, 'null')))::text`,
		[]byte(c.part), strconv.AppendInt(nil, *in.Token, 10), []byte(*in.Name), in.Result)
	var own *web.Error
	if errors.As(err, &own) && own.Code == "worker_draining" { // 55000 means something else here
		return web.New("job_not_running", own.Message).Because(err)
	}
	return err
}

func emit(h *Handler, c *call) error {
	var in struct {
		Name      *string         `json:"name"`
		Payload   json.RawMessage `json:"payload"`
		Namespace *string         `json:"namespace"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	return h.tell(c, pg.ReadWrite, http.StatusOK, "", `select jsonb_build_object('first', jobs.emit($1, coalesce($2::jsonb, '{}'), coalesce($3, 'default')))::text`,
		arg(in.Name), in.Payload, arg(in.Namespace))
}

func readEvent(h *Handler, c *call) error {
	namespace := "default"
	if query := c.r.URL.Query(); query.Has("namespace") {
		namespace = query.Get("namespace")
	}
	return h.tell(c, pg.ReadOnly, http.StatusOK, "no such event was told in the last 30 days",
		`select to_json(e)::text from jobs.events as e where e.name = $1 and e.namespace = $2`, []byte(c.part), []byte(namespace))
}

// limit is how many jobs run at once, or begin in a second.
type limit struct {
	Concurrency *int        `json:"concurrency"`
	Rate        json.Number `json:"rate"`
	Burst       json.Number `json:"burst"`
	Namespace   *string     `json:"namespace"`
}

func (h *Handler) limit(c *call, sql string) error {
	var in limit
	if err := c.read(&in); err != nil {
		return err
	}
	given := func(n json.Number) []byte {
		if n == "" {
			return nil
		}
		return []byte(n)
	}
	return h.tell(c, pg.ReadWrite, http.StatusOK, "", sql, []byte(c.part), number(in.Concurrency), given(in.Rate), given(in.Burst), arg(in.Namespace))
}

func limitQueue(h *Handler, c *call) error {
	return h.limit(c, `select jsonb_build_object('limited', jobs.limit_queue($1, $2::integer, $3::double precision, $4::double precision, coalesce($5, 'default')) is not null)::text`)
}

func limitKey(h *Handler, c *call) error {
	return h.limit(c, `select jsonb_build_object('limited', jobs.limit_key($1, $2::integer, $3::double precision, $4::double precision, coalesce($5, 'default')) is not null)::text`)
}

func listLimits(h *Handler, c *call) error {
	return h.tell(c, pg.ReadOnly, http.StatusOK, "", `select json_build_object(
		'queues', (select coalesce(json_agg(json_build_object('namespace', q.namespace, 'queue', q.queue, 'concurrency', q.concurrency, 'rate', q.rate, 'burst', q.burst) order by q.namespace, q.queue), '[]')
			from jobs.queues as q where q.concurrency is not null or q.rate is not null),
		'keys', (select coalesce(json_agg(l order by l.namespace, l.key), '[]') from jobs.limits as l))::text`)
}

func listSchedules(h *Handler, c *call) error {
	return h.tell(c, pg.ReadOnly, http.StatusOK, "", `select coalesce(json_agg(s order by s.name), '[]')::text from jobs.schedule_list as s`)
}

// setSchedule leaves what is not said to the function's own defaults.
func setSchedule(h *Handler, c *call) error {
	var in struct {
		Cron           *string         `json:"cron"`
		Kind           *string         `json:"kind"`
		Args           json.RawMessage `json:"args"`
		Zone           *string         `json:"zone"`
		Missed         *string         `json:"missed"`
		Queue          *string         `json:"queue"`
		Namespace      *string         `json:"namespace"`
		Priority       *int            `json:"priority"`
		MaxAttempts    *int            `json:"max_attempts"`
		Timeout        span            `json:"timeout"`
		ConcurrencyKey *string         `json:"concurrency_key"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if in.Cron == nil || in.Kind == nil {
		return web.New("invalid_request", "a schedule has cron, which says when, and the kind of its jobs")
	}
	return h.tell(c, pg.ReadWrite, http.StatusOK, "", `select jsonb_build_object('next_run_at', jobs.schedule($1, $2, $3, coalesce($4::jsonb, '{}'), coalesce($5, 'UTC'), coalesce($6, 'once'),
		coalesce($7, 'default'), coalesce($8, 'default'), coalesce($9::integer, 2), coalesce($10::integer, 25), $11::interval, $12))::text`,
		[]byte(c.part), arg(in.Cron), arg(in.Kind), in.Args, arg(in.Zone), arg(in.Missed), arg(in.Queue), arg(in.Namespace), number(in.Priority), number(in.MaxAttempts), in.Timeout.arg(), arg(in.ConcurrencyKey))
}

func dropSchedule(h *Handler, c *call) error {
	return h.tell(c, pg.ReadWrite, http.StatusOK, "", `select jsonb_build_object('dropped', jobs.unschedule($1))::text`, []byte(c.part))
}

func pauseSchedule(h *Handler, c *call) error {
	return h.tell(c, pg.ReadWrite, http.StatusOK, "", `select jsonb_build_object('paused', jobs.pause_schedule($1) is not null)::text`, []byte(c.part))
}

func resumeSchedule(h *Handler, c *call) error {
	return h.tell(c, pg.ReadWrite, http.StatusOK, "", `select jsonb_build_object('next_run_at', jobs.resume_schedule($1))::text`, []byte(c.part))
}

func runSchedule(h *Handler, c *call) error {
	return h.tell(c, pg.ReadWrite, http.StatusOK, "", `select jsonb_build_object('id', jobs.run_schedule($1))::text`, []byte(c.part))
}
