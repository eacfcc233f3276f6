package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/fluxbase/fluxbase/proxy/idempotency"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// enqueue takes a job or an array of them; the database reads them, so that it alone says
// what is wrong with one.
func enqueue(h *Handler, c *call) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	sql := `select jsonb_build_object('id', (jobs.enqueue_all(jsonb_build_array($1::jsonb)))[1])::text`
	if len(body) > 0 && body[0] == '[' {
		sql = `select jsonb_build_object('ids', jobs.enqueue_all($1::jsonb))::text`
	}
	key, err := h.Once.Of(c.r)
	switch {
	case err != nil:
		return err
	case key != "":
		return h.once(c, key, body, sql)
	}
	return h.tell(c, pg.ReadWrite, http.StatusCreated, "", sql, body)
}

// once enqueues what came with an idempotency key, unless that was done before.
func (h *Handler) once(c *call, key string, body []byte, sql string) error {
	tx := c.transaction(pg.ReadWrite, sql, [][]byte{body})
	a, err := h.Once.Request(key, c.r, &c.caller, c.w.Address, body).Do(c.r.Context(), h.DB, tx, func(s *pg.Steps) (idempotency.Answer, error) {
		s.Send("", &tx.Main, "")
		res, err := s.Next()
		if err != nil {
			return idempotency.Answer{}, err
		}
		defer res.Free()
		return idempotency.Answer{Status: http.StatusCreated, Header: http.Header{}, Body: bytes.Clone(res.Values[0])}, nil
	})
	if err != nil {
		return mapError(err)
	}
	maps.Copy(c.w.Header(), a.Header)
	return c.answer(a.Status, a.Body)
}

// span is a time as Postgres reads an interval, or a number of seconds.
type span json.RawMessage

func (s *span) UnmarshalJSON(b []byte) error { *s = slices.Clone(b); return nil }

// arg is the argument; nil where none was given.
func (s span) arg() []byte {
	var text string
	switch {
	case len(s) == 0, string(s) == "null":
		return nil
	case json.Unmarshal(s, &text) == nil:
		return []byte(text)
	}
	return s
}

// Bounds of a claim that waits, and of a statement of it.
const (
	maxWait    = 60
	askTimeout = 15 * time.Second
)

// afterWake are the pauses between claims that found nothing although a message told of jobs:
// it comes a moment before others see the commit.
var afterWake = []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 500 * time.Millisecond}

const claimSQL = `select coalesce(json_agg(c), '[]')::text from jobs.claim($1::uuid, coalesce($2::integer, 1),
	case when $3::jsonb is not null then array(select jsonb_array_elements_text($3::jsonb)) end,
	coalesce($4, 'default'), coalesce($5::interval, '30 seconds'), coalesce($6, '')) as c`

// claim waits for jobs.
func claim(h *Handler, c *call) error {
	var in struct {
		Worker    *string  `json:"worker"`
		Want      *int     `json:"want"`
		Queues    []string `json:"queues"`
		Namespace *string  `json:"namespace"`
		Lease     span     `json:"lease"`
		Name      *string  `json:"name"`
		Wait      float64  `json:"wait"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if in.Wait < 0 || in.Wait > maxWait {
		return web.New("invalid_request", "wait is a number of seconds from 0 to 60")
	}
	namespace, want := "default", 1
	if in.Namespace != nil {
		namespace = *in.Namespace
	}
	if in.Want != nil {
		want = *in.Want
	}
	waiter := h.Waker.Join(namespace, func(queue string) bool { return in.Queues == nil || slices.Contains(in.Queues, queue) })
	defer waiter.Leave()
	// The deadline of other requests is none of a claim's.
	_ = c.w.SetReadDeadline(time.Time{})
	ctx, cancel := context.WithTimeout(c.w.Client, time.Duration(in.Wait*float64(time.Second)))
	defer cancel()
	args := [][]byte{arg(in.Worker), number(in.Want), list(in.Queues), arg(in.Namespace), in.Lease.arg(), arg(in.Name)}
	for tries := 0; ; tries++ {
		asking, done := context.WithTimeout(c.w.Client, askTimeout)
		body, err := h.ask(asking, c, pg.ReadWrite, claimSQL, args...)
		done()
		if err != nil {
			return err
		}
		if string(body) != "[]" {
			var got []struct{ Queue string }
			if json.Unmarshal(body, &got) == nil && len(got) >= want {
				waiter.Pass(got[len(got)-1].Queue) // of which there may be more
			}
			return c.answer(http.StatusOK, body)
		}
		pause := h.Poll
		if tries < len(afterWake) {
			pause = min(pause, afterWake[tries])
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-h.Stopping:
			cancel()
		case <-waiter.C:
			tries = -1
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return c.answer(http.StatusOK, body)
		}
	}
}

// finish takes all that a worker has to say.
func finish(h *Handler, c *call) error {
	var in struct {
		Worker    *string         `json:"worker"`
		Done      json.RawMessage `json:"done"`
		Failed    json.RawMessage `json:"failed"`
		Progress  json.RawMessage `json:"progress"`
		Want      *int            `json:"want"`
		Queues    []string        `json:"queues"`
		Namespace *string         `json:"namespace"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	h.Busy()
	return h.tell(c, pg.ReadWrite, http.StatusOK, "", `select coalesce(json_agg(f), '[]')::text from jobs.finish($1::uuid,
		array(select d.id from jsonb_to_recordset(coalesce($2::jsonb, '[]')) as d (id bigint)),
		array(select d.token from jsonb_to_recordset(coalesce($2::jsonb, '[]')) as d (token bigint)),
		coalesce($3::jsonb, '[]'), coalesce($4::jsonb, '[]'), coalesce($5::integer, 0),
		case when $6::jsonb is not null then array(select jsonb_array_elements_text($6::jsonb)) end, coalesce($7, 'default')) as f`,
		arg(in.Worker), in.Done, in.Failed, in.Progress, number(in.Want), list(in.Queues), arg(in.Namespace))
}

// heartbeat also tells what is to stop.
func heartbeat(h *Handler, c *call) error {
	var in struct {
		Worker *string `json:"worker"`
		Lease  span    `json:"lease"`
		Name   *string `json:"name"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if _, err := h.ask(c.r.Context(), c, pg.ReadWrite, `select jobs.heartbeat($1::uuid, coalesce($2::interval, '30 seconds'), coalesce($3, ''))::text`,
		arg(in.Worker), in.Lease.arg(), arg(in.Name)); err != nil {
		return err
	}
	return h.tell(c, pg.ReadWrite, http.StatusOK, "", `select coalesce(json_agg(f), '[]')::text from jobs.finish($1::uuid) as f`, arg(in.Worker))
}

// arg is a text as an argument; nil is null.
func arg(s *string) []byte {
	if s == nil {
		return nil
	}
	return []byte(*s)
}

func number(n *int) []byte {
	if n == nil {
		return nil
	}
	return strconv.AppendInt(nil, int64(*n), 10)
}

// list is an array of texts as JSON; nil is null.
func list(texts []string) []byte {
	if texts == nil {
		return nil
	}
	b, _ := json.Marshal(texts) // of texts
	return b
}
