package rest

import (
	"maps"
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/idempotency"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

var errStreamKey = withHint(
	web.New("idempotency_not_possible", "rows that are streamed can't be inserted under an idempotency key"),
	"send no key, or the rows as an array of JSON or a body of text/csv within FLUXBASE_SERVER_BODY_LIMIT")

// keyOf is the idempotency key of a request that writes; empty for all others. What is
// undone in the end can't be done twice.
func (h *Handler) keyOf(hr *http.Request, r *request, pl *plan) (string, error) {
	if h.deps.Once == nil || pl.mode == readOnly || h.undoes(r) {
		return "", nil
	}
	key, err := h.deps.Once.Of(hr)
	if key != "" && pl.load != nil {
		return "", errStreamKey
	}
	return key, err
}

// undoes tells a transaction that is rolled back in the end.
func (h *Handler) undoes(r *request) bool {
	return r.prefs.tx == txRollback || h.cfg.rollsBack() && r.prefs.tx != txCommit
}

// once answers a write that came with a key. All that is said of the answer is found out
// within the transaction, which stores it.
func (h *Handler) once(w *web.Response, hr *http.Request, r *request, pl *plan, cat *catalog.Catalog, caller pg.Caller, key string) error {
	tx := h.transaction(w, hr, r, pl, cat, caller)
	logSQL(w, tx)
	request := h.deps.Once.Request(key, hr, &caller, w.Address, r.body)
	request.Before, request.Foreseen = h.before, h.foreseen(hr, r, pl, tx)
	var raw *pg.Result
	defer func() { raw.Free() }()
	a, err := request.Do(hr.Context(), h.database(caller), tx, func(s *pg.Steps) (idempotency.Answer, error) {
		raw.Free()
		var err error
		raw, err = h.steps(s, tx, r, pl)
		if err != nil {
			return idempotency.Answer{}, err
		}
		res := readResult(raw, pl)
		if pl.explain != nil && r.needsEstimate(res) {
			n, err := askPlan(s, tx, pl.explain.sql, r.bind(pl.explain.params), estimated)
			if err != nil {
				return idempotency.Answer{}, err
			}
			res.total = max(res.total, n)
		}
		head := http.Header{}
		made, err := h.compose(head, hr, r, pl, res)
		return idempotency.Answer{Status: made.status, Header: head, Body: made.body}, err
	})
	if err != nil {
		return h.databaseError(guardError(err, pl), caller)
	}
	maps.Copy(w.Header(), a.Header)
	send(w, a.Status, a.Body)
	return nil
}

// foreseen is the answer to an insert of one row that tells nothing of it, unless
// something in the database says another: nil where that is too likely.
func (h *Handler) foreseen(hr *http.Request, r *request, pl *plan, tx *pg.Tx) *idempotency.Foreseen {
	costly := pl.guard != nil && pl.guard.maxCost != nil
	if pl.silent == "" || pl.told.Load() || len(h.before) > 0 || pl.explain != nil || costly {
		return nil
	}
	head := http.Header{}
	made, err := h.compose(head, hr, r, pl, &result{page: 1, affected: 1, total: -1})
	if err != nil {
		return nil
	}
	main := tx.Main
	main.SQL = pl.silent
	return &idempotency.Foreseen{
		Answer: idempotency.Answer{Status: made.status, Header: head, Body: made.body},
		Main:   main, After: pg.Statement{SQL: isSilent},
		Wrong: func(err error) bool {
			wrong := isUntold(err)
			if wrong {
				pl.told.Store(true)
			}
			return wrong
		},
	}
}

// steps runs the statement of tx and what has to be asked before and of its result.
func (h *Handler) steps(s *pg.Steps, tx *pg.Tx, r *request, pl *plan) (*pg.Result, error) {
	if g := pl.guard; g != nil && g.maxCost != nil {
		_, err := askPlan(s, tx, g.cost, tx.Main.Args, func(raw *pg.Result) (int64, error) { return 0, g.allows(raw) })
		if err != nil {
			return nil, err
		}
	}
	s.Send(tx.SearchPath, &tx.Main, tx.After.SQL)
	raw, err := s.Next()
	if err != nil {
		return nil, err
	}
	if check := checkOf(r, pl); check != nil {
		err = check(raw)
	} else if pl.unmatched(raw) {
		err = errPrecondition
	}
	return raw, err
}

// askPlan asks EXPLAIN within a transaction and reads its answer.
func askPlan(s *pg.Steps, tx *pg.Tx, sql string, args [][]byte, read func(*pg.Result) (int64, error)) (int64, error) {
	s.Send(tx.SearchPath, &pg.Statement{SQL: sql, Args: args, Version: tx.Main.Version}, "")
	raw, err := s.Next()
	if err != nil {
		return 0, err
	}
	defer raw.Free()
	return read(raw)
}

// once runs a batch that came with a key.
func (run *batchRun) once(outer *request, key string) (idempotency.Answer, error) {
	request := run.h.deps.Once.Request(key, run.hr, &run.caller, run.w.Address, run.body)
	request.Before = run.h.before
	return request.Do(run.hr.Context(), run.h.database(run.caller), run.tx, func(s *pg.Steps) (idempotency.Answer, error) {
		if err := run.all(s); err != nil {
			return idempotency.Answer{}, err
		}
		if run.reading {
			s.Set(endReading)
		}
		return run.compose(outer)
	})
}
