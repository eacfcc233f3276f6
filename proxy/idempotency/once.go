package idempotency

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// Answer is what a request was answered.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Foreseen is an answer that is known before the request runs. To store it first costs one
// statement and no round trip more than the request alone.
type Foreseen struct {
	Answer
	// Main and After run in place of those of the transaction. They fail if the answer is
	// to be another; Wrong knows that error, after which the request runs as any other.
	Main, After pg.Statement
	Wrong       func(error) bool
}

const (
	claim = `idempotency.claim($1, $2, $3::interval)`
	login = `select set_config('fluxbase.caller', current_setting('role'), true), set_config('role', 'none', true)`
	store = `idempotency.store($1, $2, $3, $4, $5, $6, $7, $8)`
	// Constraints that wait for the end are checked as the caller.
	storeAndReturn = `select ` + store + `, set_config('role', current_setting('fluxbase.caller'), true)`
	replay         = `select state, status::text, headers::text, body from idempotency.replay($1, $2, $3::bytea)`
)

var (
	errInProgress = func() *web.Error {
		e := web.New("idempotency_in_progress", "a request with this idempotency key is under way")
		e.Hint = "send it again a moment later"
		e.Header = http.Header{"Retry-After": {"1"}}
		return e
	}()
	errMismatch = func() *web.Error {
		e := web.New("idempotency_mismatch", "this idempotency key was used for another request")
		e.Hint = "a request that is sent again is the same in method, URL, body and the headers that decide about it; a new request needs a new key"
		return e
	}()
	errNotInstalled = func() *web.Error {
		e := web.New("idempotency_not_installed", "this database has no functions for idempotency keys, so nothing was done")
		e.Hint = "run fluxbase migrate up on it, and grant a login of your own usage on schema idempotency and execute on its functions claim, store and replay; or send no key"
		return e
	}()
)

// Do carries the request out in tx, unless that was done before: then it gives the answer
// of that time, and says so in a header. run sends what there is to do, in place of tx's
// statements; its answer is stored with what it has done, all or nothing. It may be
// called again from the start. Errors are those of pg.DB.Run, and our own.
func (r *Request) Do(ctx context.Context, db *pg.DB, tx *pg.Tx, run func(*pg.Steps) (Answer, error)) (a Answer, err error) {
	const tries = 3 // each time the one before us has failed, or its answer has expired, just now
	result := "first"
	for range tries {
		if a, err = r.first(ctx, db, tx, run); !errors.Is(err, errUsed) && !isConflict(err) {
			break
		}
		again, err2 := r.again(ctx, db, tx)
		if !errors.Is(err2, errInProgress) {
			a, err, result = again, err2, "replayed"
			break
		}
		if isConflict(err) { // of another kind
			break
		}
		err = err2
	}
	switch {
	case errors.Is(err, errInProgress):
		result = "in_progress"
	case errors.Is(err, errMismatch):
		result = "mismatch"
	case err != nil:
		result = "failed"
	}
	r.keys.outcomes.WithLabelValues(result).Inc()
	return a, err
}

// errUsed tells that the key was there before.
var errUsed = errors.New("the key was used before")

// first carries the request out if nobody did before.
func (r *Request) first(ctx context.Context, db *pg.DB, tx *pg.Tx, run func(*pg.Steps) (Answer, error)) (a Answer, err error) {
	if f := r.Foreseen; f != nil {
		r.Foreseen = nil // a key that has expired must be claimed
		if a, err = r.foreseen(ctx, db, tx, f); !f.Wrong(err) {
			return a, err
		}
	}
	tx.First = pg.Statement{SQL: claim, Args: [][]byte{[]byte(r.scope), []byte(r.key), []byte(milliseconds(r.keys.cfg.Wait))}}
	err = db.Run(ctx, tx, func(s *pg.Steps) error {
		var err error
		if a, err = run(s); err != nil {
			return err
		}
		if limit := r.keys.cfg.MaxAnswer; int64(len(a.Body)) > limit {
			e := web.New("idempotency_answer_too_large", "the answer is too long to be kept under an idempotency key; nothing was written")
			e.Details = map[string]int64{"limit_bytes": limit}
			e.Hint = "ask for less, as by Prefer: return=minimal, or raise FLUXBASE_IDEMPOTENCY_MAX_ANSWER"
			return e
		}
		args, err := r.stored(a)
		if err != nil {
			return err
		}
		s.Set(login)
		s.Drop("", &pg.Statement{SQL: storeAndReturn, Args: args})
		return nil
	})
	return a, claimError(err)
}

// foreseen carries the request out if nobody did before, with its answer stored first.
func (r *Request) foreseen(ctx context.Context, db *pg.DB, tx *pg.Tx, f *Foreseen) (Answer, error) {
	args, err := r.stored(f.Answer)
	if err != nil {
		return Answer{}, err
	}
	t := *tx
	t.First, t.Main, t.After = pg.Statement{SQL: store, Args: args}, f.Main, f.After
	res, err := db.Do(ctx, &t)
	if err != nil {
		return Answer{}, claimError(err)
	}
	res.Free()
	return f.Answer, nil
}

// stored are the arguments of store.
func (r *Request) stored(a Answer) ([][]byte, error) {
	head, err := json.Marshal(a.Header)
	if err != nil {
		return nil, err
	}
	body := append(make([]byte, 0, 2+hex.EncodedLen(len(a.Body))), `\x`...)
	return [][]byte{
		[]byte(r.scope), []byte(r.key), []byte(r.fingerprint), strconv.AppendInt(nil, int64(a.Status), 10), head,
		hex.AppendEncode(body, a.Body), []byte(milliseconds(r.keys.cfg.TTL)), []byte(milliseconds(r.keys.cfg.Wait)),
	}, nil
}

// isConflict tells a transaction that met what another has written meanwhile, and which
// its snapshot was too old to show: that may be the answer to the same request.
func isConflict(err error) bool {
	const serializationFailure = "40001"
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (pgErr.Code == serializationFailure || isTaken(pgErr))
}

// isTaken tells that the key is in the table.
func isTaken(e *pgconn.PgError) bool {
	const uniqueViolation = "23505"
	return e.Code == uniqueViolation && e.SchemaName == "idempotency" && e.ConstraintName == "keys_pkey"
}

// claimError says what an error of the claim means.
func claimError(err error) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, new(pg.FirstError)) || !errors.As(err, &pgErr) {
		return err
	}
	const used, lockNotAvailable = "FXI01", "55P03"
	const noSchema, noFunction, noPrivilege = "3F000", "42883", "42501"
	if isTaken(pgErr) {
		return errUsed
	}
	switch pgErr.Code {
	case used:
		return errUsed
	case lockNotAvailable:
		return errInProgress
	case noSchema, noFunction:
		return errNotInstalled.Because(err)
	case noPrivilege:
		if pgErr.Routine == "aclcheck_error" { // else it is that to become the caller
			return errNotInstalled.Because(err)
		}
	}
	return err
}

// again gives the answer of the first time, as one who may ask for it. errInProgress tells
// that there is none.
func (r *Request) again(ctx context.Context, db *pg.DB, tx *pg.Tx) (a Answer, err error) {
	t := *tx
	t.First, t.Before, t.Isolation, t.Rows = pg.Statement{}, r.Before, "", pg.FirstRow
	err = db.Run(ctx, &t, func(s *pg.Steps) error {
		s.Set(login)
		s.Send("", &pg.Statement{SQL: replay, Args: [][]byte{[]byte(r.scope), []byte(r.key), []byte(r.fingerprint)}, Formats: []int16{0, 0, 0, 1}}, "")
		res, err := s.Next()
		if err != nil {
			return err
		}
		defer res.Free()
		if res.Values == nil {
			return errInProgress
		}
		switch string(res.Values[0]) {
		case "mismatch":
			return errMismatch
		case "running":
			return errInProgress
		}
		a = Answer{Body: slices.Clone(res.Values[3])}
		if a.Status, err = strconv.Atoi(string(res.Values[1])); err != nil {
			return err
		}
		if err := json.Unmarshal(res.Values[2], &a.Header); err != nil {
			return err
		}
		a.Header["Idempotency-Replayed"] = []string{"true"}
		return nil
	})
	return a, err
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + " ms" }
