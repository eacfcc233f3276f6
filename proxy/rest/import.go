package rest

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// An import is an insert of a body that is not held in memory. Its rows go through
// COPY into a temporary table, and from there by one insert of the caller's into
// theirs: so grants, policies, defaults and conflicts are those of any insert, and
// all rows are in or none is.

// Streams tells requests whose bodies are read as they come, under limits of their
// own; over tells that the body is larger than those of others may be.
func (h *Handler) Streams(hr *http.Request, over bool) bool {
	if !h.cfg.Extensions || hr.Method != http.MethodPost {
		return false
	}
	table, ok := strings.CutPrefix(hr.URL.Path, h.base)
	if !ok || strings.Contains(table, "/") {
		return false
	}
	header := hr.Header.Get("Content-Type")
	if header == "" || header == "application/json" {
		return false
	}
	m := decodeMedia(header)
	switch {
	case m.kind == mediaOther:
		return m.lines()
	case m.kind == mediaCSV && over: // the same insert; but rows that come back would have to be held
		prefs := parsePreferences(hr.Header, false)
		return m.stream || prefs.returning != returnRepresentation
	}
	return m.kind == mediaCSV && m.stream
}

// open begins to read the body of an import, as far as it must to know the columns.
func (r *request) open(w *web.Response, hr *http.Request) error {
	limit := r.cfg.ImportBytes
	if hr.ContentLength > limit {
		return importTooLarge("limit_bytes", limit, "FLUXBASE_REST_IMPORT_BYTES", 0)
	}
	body := &importBody{body: hr.Body, w: w, limit: limit, patience: r.cfg.StreamPatience}
	m := decodeMedia(hr.Header.Get("Content-Type"))
	if r.prefs.returning == returnRepresentation {
		r.prefs.returning = 0 // rows that come back would have to be held
	}
	columns := slices.ContainsFunc(r.params, func(p param) bool { return p.kind == paramColumns })
	r.shape.array = true
	if m.kind == mediaCSV {
		r.content, r.columns = mediaCSV, columns && m.stream
		rows := newCSVRows(body, m.stream)
		r.load = &importer{rows: rows, body: body, maxRows: r.cfg.ImportRows}
		var err error
		r.shape.keys, err = rows.header()
		return placed(err)
	}
	r.columns = columns
	rows := newJSONRows(body)
	r.load = &importer{rows: rows, body: body, maxRows: r.cfg.ImportRows}
	if columns {
		return nil
	}
	var err error
	r.shape.keys, err = rows.first()
	return placed(err)
}

// runImport runs an import that was opened and planned.
func (h *Handler) runImport(w *web.Response, hr *http.Request, r *request, pl *plan, cat *catalog.Catalog, caller pg.Caller) error {
	// Only now, so that who sends nothing is in nobody's way.
	leave, err := h.streams.enter()
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(w.Client, h.cfg.StreamTimeout)
	defer cancel()
	w.Patience = h.cfg.StreamPatience
	r.load.plan = pl.load
	r.load.rows.columns(pl.load.names, r.columns)
	if pl.guard != nil && pl.guard.maxRows != nil && (r.load.maxRows == 0 || *pl.guard.maxRows < r.load.maxRows) {
		r.load.maxRows, r.load.guarded = *pl.guard.maxRows, true
	}

	tx := h.transaction(w, hr, r, pl, cat, caller)
	tx.Main = pg.Statement{SQL: importBegin}
	var res *result
	tell := new(progress)
	tx.Work = func(ctx context.Context, c pg.Conn, _ *pg.Result) (err error) {
		res, err = r.load.run(ctx, c, func() {
			if pl.load.progress {
				tell = startProgress(w, r.load)
			}
		})
		if err == nil && pl.media.single() && res.page != 1 {
			err = notSingular(res.page)
		}
		return err
	}
	logSQL(w, tx)
	if w.LogSQL {
		w.SQL = append(w.SQL, pl.load.stage, pl.load.copy, pl.load.insert)
	}
	raw, err := h.database(caller).Do(ctx, tx)
	raw.Free()
	if err != nil {
		var at atLine
		if found := errors.As(err, &at); found {
			at.error = h.databaseError(err, caller)
			err = placed(at)
		} else {
			err = h.databaseError(err, caller)
		}
	}
	if tell.stop() {
		return tell.end(res, err)
	}
	if err != nil {
		return err
	}
	return h.respond(w, hr, r, pl, res)
}

const (
	// importBegin keeps who the caller is, and becomes the login for a while: it may
	// make a temporary table where the caller need not. The time that a client takes
	// to send rows is not the statement's.
	importBegin = `select set_config('fluxbase.role', current_user, true),` +
		` set_config('fluxbase.statement_timeout', current_setting('statement_timeout'), true),` +
		` set_config('role', 'none', true), set_config('statement_timeout', '0', true)`
	importStaged = `; grant select, insert on pg_temp._fx_import to public;` +
		` select set_config('role', current_setting('fluxbase.role'), true)`
	importSent = `select set_config('statement_timeout', current_setting('fluxbase.statement_timeout'), true);` +
		` savepoint _fx_import`
	// locateTimeout bounds the search for the line that failed.
	locateTimeout = 30 * time.Second
)

// run makes the temporary table, fills it and inserts from it. ready is called when
// nothing is left to be refused but rows.
func (im *importer) run(ctx context.Context, c pg.Conn, ready func()) (*result, error) {
	l := im.plan
	if err := c.Script(ctx, l.stage+importStaged); err != nil {
		return nil, tempHint(err)
	}
	// Explaining it checks grants, columns and conflict targets before the rows are sent.
	plan, err := c.Run(ctx, pg.Statement{SQL: "explain " + l.insert, Args: lineRange(0, 0)})
	if err != nil {
		return nil, err
	}
	plan.Free()
	ready()
	if err := c.CopyFrom(ctx, l.copy, im); err != nil {
		return nil, im.copyError(err)
	}
	if err := c.Script(ctx, importSent); err != nil {
		return nil, err
	}
	inserted, err := c.Run(ctx, pg.Statement{SQL: l.insert, Args: lineRange(0, math.MaxInt64)})
	if err != nil {
		return nil, im.locate(ctx, c, err)
	}
	inserted.Free()
	after, err := c.Run(ctx, pg.Statement{SQL: l.after})
	if err != nil {
		return nil, err
	}
	defer after.Free()
	res := &result{page: inserted.RowsAffected, affected: inserted.RowsAffected, total: -1}
	res.headers, res.status = slices.Clone(after.Values[headersColumn]), slices.Clone(after.Values[statusColumn])
	res.inserted = number(after.Values[nextColumn])
	return res, nil
}

// lineRange are the parameters of load.insert.
func lineRange(from, to int64) [][]byte {
	return [][]byte{strconv.AppendInt(nil, from, 10), strconv.AppendInt(nil, to, 10)}
}

func tempHint(err error) error {
	const insufficientPrivilege = "42501"
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == insufficientPrivilege {
		pgErr.Hint = "imports need it: grant temporary on database … to the login of FLUXBASE_DATABASE_URL"
	}
	return err
}

// locate finds the line at which the insert fails with cause, by inserting ever
// smaller parts. The transaction is undone afterwards.
func (im *importer) locate(ctx context.Context, c pg.Conn, cause error) error {
	var pgErr *pgconn.PgError
	if !errors.As(cause, &pgErr) || !isOfRow(pgErr.Code) {
		return cause
	}
	ctx, cancel := context.WithTimeout(ctx, locateTimeout)
	defer cancel()
	try := func(from, to int64) error {
		res, err := c.Run(ctx, pg.Statement{SQL: im.plan.insert, Args: lineRange(from, to)})
		res.Free()
		return err
	}
	if c.Script(ctx, "rollback to savepoint _fx_import") != nil {
		return cause
	}
	from, to := int64(0), im.line
	for from < to {
		middle := from + (to-from)/2
		next := "savepoint _fx_import"
		if err := try(from, middle); err == nil {
			from = middle + 1
		} else {
			to, next = middle, "rollback to savepoint _fx_import"
		}
		if c.Script(ctx, next) != nil {
			return cause
		}
	}
	if err := try(from, from); errors.As(err, &pgErr) {
		return atLine{line: from, column: pgErr.ColumnName, error: err}
	}
	return cause
}

// isOfRow tells whether an error comes of what a row holds, and not of what else goes
// on in the database.
func isOfRow(code string) bool {
	for _, class := range [...]string{"08", "25", "40", "53", "55", "57", "58", "XX"} {
		if strings.HasPrefix(code, class) {
			return false
		}
	}
	return true
}

// copyError finds line and column in what Postgres says of COPY.
func (im *importer) copyError(err error) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err
	}
	_, where, ok := strings.Cut(pgErr.Where, "_fx_import, ")
	if !ok {
		return err
	}
	digits := strings.IndexFunc(where, func(r rune) bool { return r >= '0' && r <= '9' })
	if digits < 0 {
		return err
	}
	where = where[digits:]
	end := strings.IndexFunc(where, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(where)
	}
	at := atLine{line: im.lineOf(number([]byte(where[:end]))), error: err}
	place, _, _ := strings.Cut(where[end:], ":")
	if i := strings.LastIndex(place, " c"); i >= 0 {
		if n, err := strconv.Atoi(place[i+2:]); err == nil && n < len(im.plan.names) {
			at.column = im.plan.names[n]
		}
	}
	return at
}

// atLine is an error of one line of an import. The first line of a body is 1; 0 is
// not known.
type atLine struct {
	error
	line   int64
	column string
}

func (e atLine) Unwrap() error { return e.error }

// placed makes an answer of an error that may be one of a line: its details say which.
func placed(err error) error {
	var at atLine
	if !errors.As(err, &at) {
		return err
	}
	out := *web.AsError(at.error)
	out.Details = struct {
		Line    int64  `json:"line,omitempty"`
		Column  string `json:"column,omitempty"`
		Details any    `json:"details,omitempty"`
	}{at.line, at.column, out.Details}
	return &out
}

// importTooLarge is the answer to what is over a limit, which setting names.
func importTooLarge(what string, limit int64, setting string, line int64) error {
	e := web.BodyTooLarge(limit, "")
	details := map[string]int64{what: limit}
	if line > 0 {
		details["line"] = line
	}
	e.Details, e.Hint = details, "send less at once"
	if setting != "" {
		e.Hint += ", or raise " + setting
	}
	return e
}
