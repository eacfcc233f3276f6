package rest

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/idempotency"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

const (
	// beginOperation makes the transaction that of one operation, and of the caller: a
	// function may have become somebody else, which ends with its operation.
	beginOperation = `select set_config('search_path', $1, true), set_config('request.method', $2, true),` +
		` set_config('request.path', $3, true), set_config('response.headers', '', true),` +
		` set_config('response.status', '', true), set_config('` + insertedGUC + `', '', true),` +
		` set_config('request.jwt.claims', $4, true), set_config('role', $5, true)`
	// Reading operations are read-only, as they are alone; a transaction can't go back
	// from that, but a savepoint can.
	beginReading = "savepoint _fx_read"
	readOnlyNow  = "select set_config('transaction_read_only', 'on', true)"
	endReading   = "release savepoint _fx_read"
	// beforeOperations asks what the pre-request function said of the answer, and whom
	// it has made the caller.
	beforeOperations = "select null, null" + gucs + ", current_setting('role'), current_setting('request.jwt.claims')"
)

// batchRun is a batch under way.
type batchRun struct {
	*batchRequest
	w      *web.Response
	hr     *http.Request
	caller pg.Caller
	tx     *pg.Tx
	steps  *pg.Steps
	// read is how many answers have been read, current the one being worked on; -1 is
	// what comes before the first, and the transaction's end.
	read, current int
	reading       bool // within the savepoint
	// role and claims are those of each operation.
	role, claims string
	size         int64
	outer        result // of beforeOperations
}

// batch answers a POST to batch.
func (h *Handler) batch(w *web.Response, hr *http.Request, caller pg.Caller) error {
	outer := &request{cfg: &h.cfg, method: http.MethodPost, prefs: parsePreferences(hr.Header, h.cfg.allowsOverride())}
	if err := outer.parseSchema(hr.Header); err != nil {
		return err
	}
	if len(outer.prefs.unknown) > 0 && outer.prefs.handling == handlingStrict {
		return invalidPreferences(outer.prefs.unknown)
	}
	b, err := h.readBatch(hr, caller)
	if err != nil {
		return err
	}
	defer b.release()
	if h.deps.Limits != nil {
		if err := h.deps.Limits.Operations(w, hr.Context(), caller, b.requests()); err != nil {
			return err
		}
	}
	run := &batchRun{batchRequest: b, w: w, hr: hr, caller: caller}
	// What of the whole there is to say, an empty plan says.
	whole := &plan{name: "BATCH", mode: b.mode(), guard: b.guard()}
	run.tx = h.transaction(w, hr, outer, whole, b.Operations[0].cat, caller)
	run.tx.Isolation, run.tx.Begin = b.isolation(run.tx.Isolation), true
	run.logSQL()
	key, err := h.keyOf(hr, outer, whole)
	if err != nil {
		return err
	}
	var a idempotency.Answer
	if key != "" {
		a, err = run.once(outer, key)
	} else {
		err = h.database(caller).Run(hr.Context(), run.tx, run.all)
	}
	if err != nil {
		err = h.databaseError(guardError(err, whole), caller)
		if run.current < 0 {
			return err
		}
		return b.at(run.current, err)
	}
	if key == "" {
		if a, err = run.compose(outer); err != nil {
			return err
		}
	}
	maps.Copy(w.Header(), a.Header)
	send(w, a.Status, a.Body)
	return nil
}

// requests are what the operations would be alone.
func (b *batchRequest) requests() []*http.Request {
	list := make([]*http.Request, len(b.Operations))
	for i, op := range b.Operations {
		list[i] = op.hr
	}
	return list
}

// mode is that of the transaction.
func (b *batchRequest) mode() pg.Mode {
	for _, op := range b.Operations {
		if op.plan.mode == readWrite {
			return readWrite
		}
	}
	return readOnly
}

// guard has the shortest time that a guard gives to an operation: it holds for each of
// their statements.
func (b *batchRequest) guard() *guard {
	g := new(guard)
	for _, op := range b.Operations {
		if one := op.plan.guard; one != nil {
			g.timeout = least(g.timeout, one.timeout)
		}
	}
	return g
}

// isolation is the strictest level that an operation would have alone.
func (b *batchRequest) isolation(level string) string {
	levels := []string{"", "read uncommitted", "read committed", "repeatable read", "serializable"}
	for _, op := range b.Operations {
		if s := op.plan.settings; s != nil && slices.Index(levels, s.Isolation) > slices.Index(levels, level) {
			level = s.Isolation
		}
	}
	return level
}

func (run *batchRun) logSQL() {
	for _, op := range run.Operations {
		logSQL(run.w, &pg.Tx{Main: pg.Statement{SQL: op.plan.sql}, After: pg.Statement{SQL: op.plan.after}})
	}
}

// all runs all operations. It may be called again from the start.
func (run *batchRun) all(steps *pg.Steps) error {
	run.steps, run.read, run.reading, run.size = steps, -1, false, 0
	for _, op := range run.Operations {
		op.body, op.values = nil, nil
	}
	steps.Send(run.tx.SearchPath, &pg.Statement{SQL: beforeOperations}, "")
	run.role, run.claims = cmp.Or(run.caller.Role, "none"), run.caller.Claims
	if len(run.h.before) > 0 {
		if err := run.readTo(0); err != nil {
			return err
		}
	}
	for i, op := range run.Operations {
		if err := run.resolve(i, op); err != nil {
			return err
		}
		run.send(op)
	}
	if err := run.readTo(len(run.Operations)); err != nil {
		return err
	}
	run.current = -1 // what fails now, fails at the end of the transaction
	return nil
}

// resolve reads the answers that op refers to and plans it with their values.
func (run *batchRun) resolve(i int, op *batchOperation) error {
	if len(op.refs) == 0 {
		return nil
	}
	needs := 0
	for j := range op.refs {
		needs = max(needs, op.refs[j].from+1)
	}
	if err := run.readTo(needs); err != nil {
		return err
	}
	run.current = i
	path, body, err := op.substituted(run.h.cfg.BatchAnswerLimit, func(ref *batchRef) (any, error) {
		return run.Operations[ref.from].value(ref.path)
	})
	if err != nil {
		return err
	}
	return run.planWith(run.hr, op, path, body)
}

// send sends op with what it has to have around it.
func (run *batchRun) send(op *batchOperation) {
	reads := run.tx.Mode == readWrite && op.plan.mode == readOnly
	if run.reading && !reads {
		run.steps.Set(endReading)
	}
	path := run.h.paths[op.r.schema]
	if reads && !run.reading {
		run.steps.Set(beginReading)
		run.steps.Set(readOnlyNow)
	}
	run.reading = reads
	run.steps.Set(beginOperation, path, op.Method, op.hr.URL.Path, run.claims, run.role)
	settings := op.plan.settings
	if settings != nil {
		run.set(settings)
	}
	for _, st := range op.r.statementsBefore(op.plan, op.cat.Version) {
		run.steps.Drop(path, &st)
	}
	st := &pg.Statement{SQL: op.plan.sql, Args: op.r.bind(op.plan.params), Version: op.cat.Version}
	run.steps.Send(path, st, op.plan.after)
	if settings != nil {
		run.unset(settings)
	}
}

// set gives the settings of a function, which the login may set and not the role,
// and keeps what was set before in parameters of our own.
func (run *batchRun) set(s *catalog.Settings) {
	sql, args := "select set_config('role', 'none', true)", []string(nil)
	for i, one := range s.List {
		name, value := strconv.Itoa(2*i+1), strconv.Itoa(2*i+2)
		sql += ", set_config('fluxbase.was_" + strconv.Itoa(i) + "', current_setting($" + name + ", true), true), set_config($" +
			name + ", $" + value + ", true)"
		args = append(args, one.Name, one.Value)
	}
	run.steps.Set(sql+", set_config('role', $"+strconv.Itoa(len(args)+1)+", true)", append(args, run.role)...)
}

func (run *batchRun) unset(s *catalog.Settings) {
	sql, args := "select set_config('role', 'none', true)", []string(nil)
	for i, one := range s.List {
		sql += ", set_config($" + strconv.Itoa(i+1) + ", nullif(current_setting('fluxbase.was_" + strconv.Itoa(i) + "'), ''), true)"
		args = append(args, one.Name)
	}
	run.steps.Set(sql+", set_config('role', $"+strconv.Itoa(len(args)+1)+", true)", append(args, run.role)...)
}

// readTo reads answers until n have been read.
func (run *batchRun) readTo(n int) error {
	for run.read < n {
		run.current = run.read
		raw, err := run.steps.Next()
		if err != nil {
			return err
		}
		if run.read < 0 {
			run.outer = result{headers: slices.Clone(raw.Values[headersColumn]), status: slices.Clone(raw.Values[statusColumn])}
			run.role, run.claims = string(raw.Values[nextColumn]), string(raw.Values[nextColumn+1])
		} else {
			err = run.answer(run.Operations[run.read], raw)
		}
		raw.Free()
		if err != nil {
			return err
		}
		run.read++
	}
	return nil
}

// answer makes of what Postgres gave the answer that op would have alone.
func (run *batchRun) answer(op *batchOperation, raw *pg.Result) error {
	if check := checkOf(op.r, op.plan); check != nil {
		if err := check(raw); err != nil {
			return err
		}
	}
	if op.plan.unmatched(raw) {
		return errPrecondition
	}
	head := http.Header{}
	a, err := run.h.compose(head, op.hr, op.r, op.plan, readResult(raw, op.plan))
	if err != nil {
		return err
	}
	if op.Method == http.MethodHead || a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		a.content, a.body = false, nil
	}
	if run.size += int64(len(a.body)); run.size > run.h.cfg.BatchAnswerLimit {
		return tooLong("the answers of the batch are too long", run.h.cfg.BatchAnswerLimit)
	}
	if op.referred {
		op.body = slices.Clone(a.body)
	}
	op.result = op.appendResult(op.result[:0], head, a)
	return nil
}

func (op *batchOperation) appendResult(b []byte, head http.Header, a answer) []byte {
	b = append(appendJSONString(append(b, `{"id":`...), op.ID), `,"status":`...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	own := op.plan.media == mediaOther || op.plan.media == mediaCSV
	head.Del("Content-Location")
	if !own {
		head.Del("Content-Type")
	}
	if len(head) > 0 {
		names := make([]string, 0, len(head))
		for name := range head {
			names = append(names, name)
		}
		slices.Sort(names)
		for i, name := range names {
			b = append(b, [...]string{`,"headers":{`, `,`}[min(i, 1)]...)
			b = appendJSONString(append(appendJSONString(b, name), ':'), strings.Join(head[name], ", "))
		}
		b = append(b, '}')
	}
	b = append(b, `,"body":`...)
	switch {
	case !a.content || len(a.body) == 0:
		b = append(b, "null"...)
	case !own:
		b = append(b, a.body...)
	case strings.Contains(head.Get("Content-Type"), "json") && json.Valid(a.body):
		b = append(b, a.body...)
	default:
		b = appendJSONString(b, string(a.body))
	}
	return append(b, '}')
}

// compose makes the answer of the results.
func (run *batchRun) compose(outer *request) (idempotency.Answer, error) {
	a := idempotency.Answer{Status: http.StatusOK, Header: http.Header{}}
	if s := outer.prefs.applied(preferences{}); s != "" {
		a.Header["Preference-Applied"] = []string{s}
	}
	a.Header["Content-Type"] = []string{mediaType{kind: mediaJSON}.contentType()}
	var err error
	if len(run.outer.headers) > 0 {
		err = setHeaders(a.Header, run.outer.headers)
	}
	if run.outer.status != nil && err == nil {
		a.Status, err = statusFrom(run.outer.status)
	}
	if err != nil {
		return a, err
	}
	size := len(`{"results":[]}`)
	for _, op := range run.Operations {
		size += len(op.result) + 1
	}
	b := append(make([]byte, 0, size), `{"results":[`...)
	for i, op := range run.Operations {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, op.result...)
	}
	a.Body = append(b, `]}`...)
	return a, nil
}
