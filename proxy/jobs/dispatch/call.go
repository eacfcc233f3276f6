package dispatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/wait"
)

// Deadlines of calls of the queue. Progress alone has a short one, because the next
// replaces it.
const (
	callTimeout     = 15 * time.Second
	progressTimeout = 5 * time.Second
)

// speech is what one call says.
type speech struct {
	done     []key
	failed   []failed
	progress []progress
	want     int
	queues   []string
}

// event is a row of jobs.claimed.
type event struct {
	Event string `json:"event"`
	Job
}

// speak makes one call. What could not be said is said again.
func (d *Dispatcher) speak(ctx context.Context) {
	if time.Since(d.heard) > d.cfg.Lease*7/10 {
		d.known = false // it may be forgotten
	}
	if !d.known && !d.introduce(ctx) {
		wait.For(ctx, 200*time.Millisecond)
		return
	}
	now := time.Now()
	s := d.collect(now)
	events, err := d.finish(ctx, &s)
	if err != nil {
		d.Log.Warn("the queue of jobs can't be spoken with; it is tried again", "error", err)
		d.mu.Lock()
		d.unsay(&s)
		d.mu.Unlock()
		d.known = false // what became of the call nobody can tell
		wait.For(ctx, 200*time.Millisecond)
		return
	}
	d.heard = now
	if len(s.done)+len(s.failed) > 0 {
		d.Keeper.Busy()
	}
	d.obey(events, s.want)
}

// unsay takes back what was said to nobody.
func (d *Dispatcher) unsay(s *speech) {
	d.done, d.failed = append(s.done, d.done...), append(s.failed, d.failed...)
	for _, p := range s.progress {
		if t := d.tasks[key{p.ID, p.Token}]; t == nil {
			d.last = append(d.last, p)
		} else if t.said == nil {
			t.said, d.dirty = &p, true
		}
	}
}

// introduce registers the worker, and makes the tasks those that it holds: an answer may
// have been lost, and the lease too.
func (d *Dispatcher) introduce(ctx context.Context) bool {
	now := time.Now()
	_, err := d.ask(ctx, callTimeout, `select jobs.heartbeat($1::uuid, $2::interval, $3)::text`,
		[]byte(d.worker), []byte(fmt.Sprintf("%d milliseconds", d.cfg.Lease.Milliseconds())), []byte(d.Name))
	var held []key
	if err == nil {
		var answer []byte
		answer, err = d.ask(ctx, callTimeout, `select coalesce(json_agg(h), '[]')::text from jobs.held($1::uuid) as h`, []byte(d.worker))
		var rows []struct{ ID, Token int64 }
		if err == nil {
			err = json.Unmarshal(answer, &rows)
		}
		for _, r := range rows {
			held = append(held, key{r.ID, r.Token})
		}
	}
	if err != nil {
		d.Log.Warn("the queue of jobs can't be spoken with; it is tried again", "error", err)
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for k := range d.tasks {
		if !slices.Contains(held, k) {
			d.lose(k)
		}
	}
	// What of that is not held has arrived after all, or is others' by now.
	d.done = slices.DeleteFunc(d.done, func(k key) bool { return !slices.Contains(held, k) })
	d.failed = slices.DeleteFunc(d.failed, func(f failed) bool { return !slices.Contains(held, key{f.ID, f.Token}) })
	for _, k := range held {
		if d.tasks[k] == nil && !slices.Contains(d.done, k) && !slices.ContainsFunc(d.failed, func(f failed) bool { return f.ID == k.id && f.Token == k.token }) {
			d.failed = append(d.failed, failed{ID: k.id, Token: k.token, Outcome: "interrupted", Error: "its worker was not told of it"})
		}
	}
	d.heard, d.known = now, true
	return true
}

// collect takes what is to be said.
func (d *Dispatcher) collect(now time.Time) (s speech) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.giveBack(now)
	s.done, s.failed, d.done, d.failed = d.done, d.failed, nil, nil
	s.progress = d.takeProgress(now)
	if s.want = min(max(0, d.want()), 10000); s.want > 0 {
		s.queues, d.recent = d.queues(), 0
	}
	return s
}

// maxWait is how long what was claimed waits for room.
const maxWait = 5 * time.Second

// giveBack lets others have what waits for too long.
func (d *Dispatcher) giveBack(now time.Time) {
	kept := d.queue[:0]
	for _, t := range d.queue {
		switch {
		case d.draining:
			d.end(t, &failed{ID: t.ID, Token: t.Token, Outcome: "interrupted", Error: ErrStopping.Error()})
		case now.Sub(t.claimed) > maxWait:
			d.end(t, &failed{ID: t.ID, Token: t.Token, Outcome: "interrupted", Error: "its worker had no room for it"})
		default:
			kept = append(kept, t)
		}
	}
	clear(d.queue[len(kept):])
	d.queue = kept
}

// finish calls the function of that name.
func (d *Dispatcher) finish(ctx context.Context, s *speech) (events []event, err error) {
	failed, progress := []byte(`[]`), []byte(`[]`)
	if len(s.failed) > 0 {
		if failed, err = json.Marshal(s.failed); err != nil {
			return nil, err
		}
	}
	if len(s.progress) > 0 {
		if progress, err = json.Marshal(s.progress); err != nil {
			return nil, err
		}
	}
	timeout := min(callTimeout, d.cfg.Lease/3)
	if len(s.done)+len(s.failed)+s.want == 0 {
		timeout = min(progressTimeout, timeout)
	}
	ids, tokens := []byte{'{'}, []byte{'{'}
	for i, k := range s.done {
		if i > 0 {
			ids, tokens = append(ids, ','), append(tokens, ',')
		}
		ids, tokens = strconv.AppendInt(ids, k.id, 10), strconv.AppendInt(tokens, k.token, 10)
	}
	answer, err := d.ask(ctx, timeout, `select string_agg(concat_ws(e'\t', f.event, f.id, f.token, f.attempt, f.max_attempts, f.priority, f.namespace, f.queue,
			to_json(f.enqueued_at), to_json(f.kind), coalesce(f.meta, 'null'), f.args), e'\n')
		from jobs.finish($1::uuid, $2::bigint[], $3::bigint[], $4::jsonb, $5::jsonb, $6::integer, array(select jsonb_array_elements_text($7::jsonb)), $8) as f`,
		[]byte(d.worker), append(ids, '}'), append(tokens, '}'), failed, progress, strconv.AppendInt(nil, int64(s.want), 10), list(s.queues), []byte(d.cfg.Namespace))
	if err != nil {
		return nil, err
	}
	return readEvents(answer)
}

// readEvents reads a line for each, its fields between tabs: a third of what JSON costs here and
// in the database.
func readEvents(text []byte) (events []event, err error) {
	if len(text) > 0 {
		events = make([]event, 0, bytes.Count(text, []byte("\n"))+1)
	}
	var last Job // most jobs of an answer have much in common
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		if len(line) == 0 {
			continue // there are none
		}
		next := func() []byte {
			field, rest, _ := bytes.Cut(line, []byte("\t"))
			line = rest
			return field
		}
		number := func() int64 {
			n, broken := strconv.ParseInt(string(next()), 10, 64)
			err = errors.Join(err, broken)
			return n
		}
		e := event{Event: as(next(), "run")}
		e.ID, e.Token = number(), number()
		if e.Event == "run" {
			e.Attempt, e.MaxAttempts, e.Priority = int(number()), int(number()), int(number())
			e.Namespace, e.Queue = as(next(), last.Namespace), as(next(), last.Queue)
			var broken [2]error
			e.EnqueuedAt, broken[0] = unquote(next(), last.EnqueuedAt)
			e.Kind, broken[1] = unquote(next(), last.Kind)
			err = errors.Join(err, broken[0], broken[1])
			last = e.Job
		}
		e.Meta, e.Args = next(), next()
		events = append(events, e)
	}
	if err != nil {
		return nil, fmt.Errorf("read what the queue says: %w", err)
	}
	return events, nil
}

// as is the text b, which may be that of last.
func as(b []byte, last string) string {
	if string(b) == last {
		return last
	}
	return string(b)
}

// unquote reads a string of JSON, which may be last.
func unquote(b []byte, last string) (s string, err error) {
	if n := len(b) - 1; n > 0 && b[0] == '"' && b[n] == '"' && bytes.IndexByte(b, '\\') < 0 {
		return as(b[1:n], last), nil
	}
	err = json.Unmarshal(b, &s)
	return s, err
}

// list is a JSON array of texts.
func list(texts []string) []byte {
	if texts == nil {
		return []byte(`[]`)
	}
	b, _ := json.Marshal(texts)
	return b
}

// obey does what the queue says; want is how many jobs were asked for.
func (d *Dispatcher) obey(events []event, want int) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	claimed := 0
	for i := range events {
		e := &events[i]
		k := key{e.ID, e.Token}
		switch e.Event {
		case "run":
			claimed++
			t := &task{Job: e.Job, claimed: now}
			t.Worker, t.report = d.worker, d.report
			d.tasks[k], d.queue = t, append(d.queue, t)
		case "lost":
			d.Log.Warn("a job was finished too late, and changed nothing: another worker has it", "job", e.ID, "token", e.Token)
			d.lose(k)
		case "cancel":
			d.cancel(k, e.Meta)
		}
	}
	switch {
	case want == 0:
	case claimed == want:
		d.nextClaim, d.tries = now, 0
		d.waiter.Pass(events[len(events)-1].Queue) // of which there may be more
	case claimed == 0 && d.tries > 0 && d.tries <= len(afterWake):
		d.nextClaim = now.Add(afterWake[d.tries-1])
		d.tries++
	default:
		d.nextClaim, d.tries = now.Add(d.cfg.Poll), 0
	}
	d.begin()
	// While jobs run, the queue is asked what is to stop.
	beat := d.cfg.Lease / 3
	if len(d.tasks) > 0 {
		beat = min(time.Second, beat)
	}
	d.nextBeat = now.Add(beat)
}

// lose stops a task that is another's now.
func (d *Dispatcher) lose(k key) {
	if t := d.tasks[k]; t != nil {
		d.drop(t, ErrLost)
		delete(d.tasks, k)
	}
}

// cancel stops a task that nobody wants any more; meta says why.
func (d *Dispatcher) cancel(k key, meta []byte) {
	cause := ErrCancelled
	var said struct{ Reason string }
	if json.Unmarshal(meta, &said) == nil && said.Reason != "" {
		cause = fmt.Errorf("%w: %s", ErrCancelled, said.Reason)
	}
	if t := d.tasks[k]; t != nil && d.drop(t, cause) {
		d.end(t, &failed{ID: k.id, Token: k.token, Outcome: "cancelled", Error: cause.Error()})
	}
}

// drop ends the context of a task, and tells whether it has not begun and is out of the queue.
func (d *Dispatcher) drop(t *task, cause error) bool {
	if t.cancel != nil {
		t.cancel(cause)
		return false
	}
	d.queue = slices.DeleteFunc(d.queue, func(other *task) bool { return other == t })
	return true
}

// ask runs a statement that gives one text, as service_role.
func (d *Dispatcher) ask(ctx context.Context, timeout time.Duration, sql string, args ...[]byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	res, err := d.DB.Do(ctx, &pg.Tx{Caller: service, Main: pg.Statement{SQL: sql, Args: args}})
	if err != nil {
		return nil, err
	}
	defer res.Free()
	if len(res.Values) == 0 {
		return nil, nil
	}
	return slices.Clone(res.Values[0]), nil
}

var service = pg.Caller{Role: "service_role", Claims: `{"role":"service_role"}`}
