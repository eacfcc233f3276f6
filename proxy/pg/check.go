package pg

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// MinVersion is the oldest Postgres that is supported, as server_version_num.
const MinVersion = 150000

// SetupError is a mistake in how the database or its URL is set up; trying again
// can't help.
type SetupError struct {
	text string
	err  error
}

func (e SetupError) Error() string { return e.text }
func (e SetupError) Unwrap() error { return e.err }

// IsMissing tells whether the server has no database of that name, yet.
func IsMissing(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "3D000"
}

// Check connects and tells what stands in the way of serving: a SetupError with
// its mend, or another error while the database can't be reached.
func (db *DB) Check(ctx context.Context) error {
	res, err := db.Do(ctx, &Tx{Mode: ReadOnly, Main: Statement{
		SQL: `select current_setting('server_version_num'), current_setting('server_version'), pg_is_in_recovery()::text`,
	}})
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return setupError(pgErr)
	}
	if err != nil {
		return err
	}
	defer res.Free()
	if n, err := strconv.Atoi(string(res.Values[0])); err != nil || n < MinVersion {
		return SetupError{text: fmt.Sprintf("the server is Postgres %s: use 15 or newer", res.Values[1])}
	}
	return nil
}

// setupError names the mend for what can go wrong when logging in.
func setupError(e *pgconn.PgError) error {
	switch e.Code {
	case "28P01", "28000":
		return SetupError{e.Message + ": correct user and password in the URL; fluxbase migrate up sets the logins' passwords to those in the environment", e}
	case "3D000":
		return SetupError{e.Message + ": correct the URL, or create the database and run fluxbase migrate up", e}
	case "42501":
		return SetupError{e.Message + ": grant connect on the database to the login", e}
	default:
		return e
	}
}
