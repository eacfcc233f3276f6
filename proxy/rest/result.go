package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// result is the answer of Postgres.
type result struct {
	raw      *pg.Result
	body     []byte
	headers  []byte
	status   []byte
	page     int64
	total    int64 // -1: not known
	inserted int64
	// affected is how many rows a write touched.
	affected int64
	// version and modified are those of a row read alone.
	version  string
	modified time.Time
	snapshot string
	next     []byte // cursor of the next page; nil: none
}

// checkOf gives the test that an answer must pass, else the transaction is
// undone; nil if there is none.
func checkOf(r *request, pl *plan) func(*pg.Result) error {
	single := pl.media.single() && r.method != http.MethodPut
	limited := pl.applied.hasMax && r.prefs.handling == handlingStrict
	put := r.method == http.MethodPut
	bound := pl.guard != nil && pl.guard.maxRows != nil
	if pl.media == mediaPlan || pl.one || !single && !limited && !put && !bound {
		return nil
	}
	return func(raw *pg.Result) error {
		rows := pl.rows(raw)
		switch {
		case pl.unmatched(raw):
			return errPrecondition
		case put && rows != 1:
			return errPutKey
		case single && rows != 1:
			return notSingular(rows)
		case limited && rows > r.prefs.maxAffected:
			return tooManyAffected(rows)
		case bound && rows > *pl.guard.maxRows:
			return tooManyWritten(*pl.guard.maxRows)
		}
		return nil
	}
}

func readResult(raw *pg.Result, pl *plan) *result {
	v := raw.Values
	switch {
	case pl.media == mediaPlan:
		return &result{raw: raw, body: v[0]}
	case v == nil: // a trigger as young as this request left out the one row
		return &result{raw: raw, total: -1}
	}
	res := &result{
		raw: raw, body: v[bodyColumn], page: pl.rows(raw), total: -1,
	}
	if len(v) > statusColumn { // else nobody could say anything
		res.headers, res.status = v[headersColumn], v[statusColumn]
	}
	if pl.total > 0 {
		res.total = number(v[pl.total])
	}
	if pl.inserted > 0 {
		res.inserted = number(v[pl.inserted])
	}
	if pl.version > 0 {
		version, epoch, _ := strings.Cut(string(v[pl.version]), " ")
		res.version, res.modified = version, modifiedAt(epoch)
	}
	if pl.snapshot > 0 {
		res.snapshot = string(v[pl.snapshot])
	}
	res.affected = pl.written(raw)
	if pl.next > 0 {
		res.next = v[pl.next]
	}
	return res
}

// rows is how many rows the answer has, or were written.
func (pl *plan) rows(raw *pg.Result) int64 {
	if pl.counts {
		return raw.RowsAffected
	}
	return number(raw.Values[pageColumn])
}

// number reads digits of Postgres.
func number(b []byte) int64 {
	n, _ := strconv.ParseInt(string(b), 10, 64)
	return n
}

// needsEstimate tells whether the planner's guess counts: always if it was asked
// for, else where the exact count was stopped.
func (r *request) needsEstimate(res *result) bool {
	return r.prefs.count == countPlanned || r.cfg.MaxRows == nil || res.total > *r.cfg.MaxRows
}

// explains is the name of transactions that only ask the planner.
const explains = "EXPLAIN"

// estimate asks the planner for the number of rows.
func (h *Handler) estimate(ctx context.Context, w *web.Response, db *pg.DB, tx *pg.Tx, r *request, pl *plan) (int64, error) {
	t := *tx
	t.Name, t.Check, t.Rollback = explains, nil, false
	t.Main = pg.Statement{SQL: pl.explain.sql, Args: r.bind(pl.explain.params), Version: tx.Main.Version}
	logSQL(w, &t)
	raw, err := db.Do(ctx, &t)
	if err != nil {
		return 0, err
	}
	defer raw.Free()
	return estimated(raw)
}

// estimated reads the number of rows out of what EXPLAIN says.
func estimated(raw *pg.Result) (int64, error) {
	var plans []struct {
		Plan struct {
			Rows int64 `json:"Plan Rows"`
		}
	}
	if err := json.Unmarshal(raw.Values[0], &plans); err != nil || len(plans) != 1 {
		return 0, errors.New("read the planner's estimate")
	}
	return plans[0].Plan.Rows, nil
}
