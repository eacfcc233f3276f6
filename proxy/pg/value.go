package pg

import (
	"bytes"
	"context"
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// ForRequest is a transaction of one statement that a caller's request asks for.
func ForRequest(w *web.Response, r *http.Request, caller Caller, mode Mode, sql string, args [][]byte) *Tx {
	tx := &Tx{
		Caller: caller, Mode: mode, Method: r.Method, Path: r.URL.Path, RequestID: w.ID,
		Main: Statement{SQL: sql, Args: args},
	}
	if w.Address.IsValid() {
		tx.Settings = []Setting{{Name: "request.address", Value: w.Address.String()}}
	}
	if w.LogSQL {
		w.SQL = append(w.SQL, sql)
	}
	return tx
}

// Value runs a transaction and gives the first value of its answer, which is the caller's to
// keep; nil for null, and where there is no row. It fails as Do does.
func (db *DB) Value(ctx context.Context, tx *Tx) ([]byte, error) {
	res, err := db.Do(ctx, tx)
	if err != nil {
		return nil, err
	}
	defer res.Free()
	if len(res.Values) == 0 {
		return nil, nil
	}
	return bytes.Clone(res.Values[0]), nil
}
