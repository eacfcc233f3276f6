package replication

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// Failure says why changes are not streamed, and how to mend it.
type Failure struct {
	// Kind is one word, for metrics and the readiness probe.
	Kind string
	Err  error
	// Mend is empty where waiting is all there is to do.
	Mend string
}

// Error is part of error.
func (f *Failure) Error() string {
	if f.Mend == "" {
		return f.Err.Error()
	}
	return f.Err.Error() + ": " + f.Mend
}

// Unwrap gives what Postgres or the network said.
func (f *Failure) Unwrap() error { return f.Err }

// mends are by SQLSTATE.
var mends = map[string]Failure{
	"28P01": {Kind: "login", Mend: "correct user and password in FLUXBASE_REPLICATION_DATABASE_URL; fluxbase migrate up sets the login's password to that one"},
	"28000": {Kind: "login", Mend: "correct FLUXBASE_REPLICATION_DATABASE_URL, or let this login in by pg_hba.conf"},
	"3D000": {Kind: "login", Mend: "correct the database in FLUXBASE_REPLICATION_DATABASE_URL"},
	"42501": {Kind: "rights", Mend: "as a superuser: alter role fluxbase_replication replication (on RDS: grant rds_replication to fluxbase_replication)"},
	"42704": {Kind: "publication", Mend: "a publication was dropped; it is read anew"},
	"53300": {Kind: "senders", Mend: "raise max_wal_senders or max_connections and restart Postgres, or run fewer processes"},
	"53400": {Kind: "slots", Mend: "drop replication slots that nobody uses (select slot_name from pg_replication_slots where not active), or raise max_replication_slots and restart Postgres"},
	"55006": {Kind: "in_use", Mend: "another process reads this slot: give each its own FLUXBASE_REALTIME_INSTANCE; the slot of a process that has just died is free within wal_sender_timeout"},
	"55P03": {Kind: "blocked", Mend: "the slot can be made once the transactions have ended that run now, over all databases of the server"},
	"57P01": {Kind: "stopping"},
	"57P02": {Kind: "stopping"},
	"57P03": {Kind: "stopping"},
}

// diagnose names what is wrong.
func diagnose(err error) *Failure {
	var known *Failure
	if errors.As(err, &known) {
		return known
	}
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		return &Failure{Kind: "login", Err: errors.New("FLUXBASE_REPLICATION_DATABASE_URL does not parse")} // it holds a password
	}
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		if f, ok := mends[pgErr.Code]; ok {
			return &Failure{f.Kind, err, f.Mend}
		}
		return &Failure{Kind: "stream", Err: err}
	}
	if errors.As(err, new(*pgconn.ConnectError)) {
		return &Failure{Kind: "unreachable", Err: err}
	}
	return &Failure{Kind: "stream", Err: err}
}

func hasCode(err error, codes ...string) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return false
	}
	for _, code := range codes {
		if pgErr.Code == code {
			return true
		}
	}
	return false
}
