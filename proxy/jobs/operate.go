package jobs

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/fluxbase/fluxbase/proxy/jobs/dispatch"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

const noJob = "there is no job of this id, or it ended long ago"

// maxJobs are those of a page.
const maxJobs = 1000

// listJobs answers GET /jobs?state=&queue=&kind=&namespace=&before=&limit=, the newest first.
func listJobs(h *Handler, c *call) error {
	query := c.r.URL.Query()
	limit := 100
	for name, values := range query {
		n, err := strconv.ParseInt(values[0], 10, 64)
		switch {
		case name == "limit" && err == nil && n > 0:
			limit = int(min(n, maxJobs))
		case name == "before" && err == nil, name == "state", name == "queue", name == "kind", name == "namespace":
		default:
			return web.New("invalid_request", "the parameters are state, queue, kind, namespace, before (an id) and limit (a number)")
		}
	}
	given := func(name string) []byte {
		if query.Has(name) {
			return []byte(query.Get(name))
		}
		return nil
	}
	if c.caller.Role != serviceRole {
		return h.tell(c, pg.ReadOnly, http.StatusOK, "", `select coalesce(json_agg(j order by j.id desc), '[]')::text from (
			select j.* from jobs.jobs as j
			where ($1::text is null or j.state = $1) and ($2::text is null or j.queue = $2) and ($3::text is null or j.kind = $3)
				and j.namespace = coalesce($4, 'default') and j.id < coalesce($5::bigint, 9223372036854775807)
			order by j.id desc limit $6::integer) as j`,
			given("state"), given("queue"), given("kind"), given("namespace"), given("before"), strconv.AppendInt(nil, int64(limit), 10))
	}
	return h.tell(c, pg.ReadOnly, http.StatusOK, "", `select coalesce(json_agg(j order by j.id desc), '[]')::text from jobs.jobs as j
		where j.id = any (array(select jobs.find_jobs($1, $2, $3, coalesce($4, 'default'), $5::bigint, $6::integer)))`,
		given("state"), given("queue"), given("kind"), given("namespace"), given("before"), strconv.AppendInt(nil, int64(limit), 10))
}

// readJob adds what went wrong to the job.
func readJob(h *Handler, c *call) error {
	return h.tell(c, pg.ReadOnly, http.StatusOK, noJob, `select (to_jsonb(j) || jsonb_build_object('failures', (
		select coalesce(jsonb_agg(to_jsonb(f) order by f.id), '[]') from jobs.failures as f where f.job = j.id)))::text
		from jobs.jobs as j where j.id = $1::bigint`, []byte(c.part))
}

func cancelJob(h *Handler, c *call) error {
	var in struct {
		Reason *string `json:"reason"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	return h.tell(c, pg.ReadWrite, http.StatusOK, noJob,
		`select jsonb_build_object('id', $1::bigint, 'state', s.state)::text from jobs.cancel($1::bigint, coalesce($2, 'cancelled')) as s (state) where s.state is not null`,
		[]byte(c.part), arg(in.Reason))
}

func retryJob(h *Handler, c *call) error {
	return h.tell(c, pg.ReadWrite, http.StatusOK, "no job of this id is dead, or waits for its time",
		`select jsonb_build_object('id', $1::bigint, 'state', 'ready')::text from jobs.retry($1::bigint) as r (done) where r.done`, []byte(c.part))
}

// ofQueue is what is said of a queue.
type ofQueue struct {
	Namespace *string `json:"namespace"`
	Reason    *string `json:"reason"`
	Kind      *string `json:"kind"`
	Most      *int    `json:"most"`
}

func (h *Handler) operate(c *call, sql string, more func(*ofQueue) [][]byte) error {
	var in ofQueue
	if err := c.read(&in); err != nil {
		return err
	}
	return h.tell(c, pg.ReadWrite, http.StatusOK, "", sql, append([][]byte{[]byte(c.part), arg(in.Namespace)}, more(&in)...)...)
}

func pauseQueue(h *Handler, c *call) error {
	return h.operate(c, `select jsonb_build_object('paused', jobs.pause($1, coalesce($2, 'default'), coalesce($3, 'paused')) is not null)::text`,
		func(in *ofQueue) [][]byte { return [][]byte{arg(in.Reason)} })
}

func resumeQueue(h *Handler, c *call) error {
	return h.operate(c, `select jsonb_build_object('resumed', jobs.resume($1, coalesce($2, 'default')))::text`, func(*ofQueue) [][]byte { return nil })
}

func redriveQueue(h *Handler, c *call) error {
	return h.operate(c, `select jsonb_build_object('jobs', jobs.redrive($1, coalesce($2, 'default'), $3, coalesce($4::integer, 1000)))::text`,
		func(in *ofQueue) [][]byte { return [][]byte{arg(in.Kind), number(in.Most)} })
}

func listWorkers(h *Handler, c *call) error {
	return h.tell(c, pg.ReadOnly, http.StatusOK, "", `select coalesce(json_agg(w order by w.started_at, w.id), '[]')::text from jobs.workers as w`)
}

func heldJobs(h *Handler, c *call) error {
	return h.tell(c, pg.ReadWrite, http.StatusOK, "", `select coalesce(json_agg(w), '[]')::text from jobs.held($1::uuid) as w`, []byte(c.part))
}

func drainWorker(h *Handler, c *call) error {
	return h.tell(c, pg.ReadWrite, http.StatusOK, "there is no worker of this id",
		`select jsonb_build_object('draining', true)::text from jobs.drain($1::uuid) as d (done) where d.done`, []byte(c.part))
}

func listHandlers(h *Handler, c *call) error {
	return h.tell(c, pg.ReadOnly, http.StatusOK, "", `select coalesce(jsonb_agg(to_jsonb(h) - array['call', 'whole', 'secrets']
		|| jsonb_build_object('secrets', jsonb_path_query_array(h.secrets, '$[*].id'))), '[]')::text from jobs.list_handlers() as h`)
}

// addSecret makes a secret of a handler, which is shown this once, or takes the receiver's.
func addSecret(h *Handler, c *call) error {
	var in struct {
		Namespace *string `json:"namespace"`
		Secret    string  `json:"secret"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if h.Seals == nil {
		return web.New("unprocessable", "secrets can't be sealed without FLUXBASE_ENCRYPTION_KEY")
	}
	id := dispatch.NewID()
	text, sealed := in.Secret, ""
	if text == "" {
		text, sealed = dispatch.Secrets.New(h.Seals, id)
	} else {
		var err error
		if sealed, err = dispatch.Secrets.Seal(h.Seals, id, text); err != nil {
			return web.New("invalid_request", err.Error())
		}
	}
	if _, err := h.ask(c.r.Context(), c, pg.ReadWrite, `select jobs.add_handler_secret($1, $2::uuid, $3, coalesce($4, 'default'))::text`,
		[]byte(c.part), []byte(id), []byte(sealed), arg(in.Namespace)); err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"id": id, "secret": text})
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, body)
}

func dropSecret(h *Handler, c *call) error {
	return h.tell(c, pg.ReadWrite, http.StatusOK, "", `select jsonb_build_object('dropped', jobs.drop_handler_secret($1::uuid))::text`, []byte(c.part))
}

func stats(h *Handler, c *call) error {
	return h.tell(c, pg.ReadOnly, http.StatusOK, "", `select jobs.stats()::text`)
}
