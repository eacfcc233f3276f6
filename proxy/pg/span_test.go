package pg

import (
	"context"
	"testing"
)

func TestTransactionsHaveShortNames(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		`select auth.read_service_keys()::text`:                                "SELECT auth.read_service_keys",
		"\n select coalesce(auth.sign_in($1, 'other.fn('), '{}')":              "SELECT auth.sign_in",
		`insert into idempotency.keys (key) values ($1)`:                       "INSERT idempotency.keys",
		`update auth.users as u set a = $1 where u.id = $2`:                    "UPDATE auth.users",
		"with due as (\n  select j.id from jobs.queue as j) select 1 from due": "WITH jobs.queue",
		`select 1`: "SELECT",
		``:         "TRANSACTION",
	} {
		if got := (&Tx{Main: Statement{SQL: sql}}).name(); got != want {
			t.Errorf("%q is named %q, want %q", sql, got, want)
		}
	}
	if got := (&Tx{Name: "SELECT public.notes", Main: Statement{SQL: "with x as (select 1)"}}).name(); got != "SELECT public.notes" {
		t.Errorf("the name that was given becomes %q", got)
	}
}

// A request that is not traced pays nothing for tracing on its way to the database.
func TestAnUntracedTripCostsNothing(t *testing.T) {
	db, tx := new(DB), &Tx{Main: Statement{SQL: "select 1"}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	allocs := testing.AllocsPerRun(1000, func() {
		span := db.begin(ctx, tx)
		span.sent()
		span.end(nil)
	})
	if allocs != 0 || tx.traceparent != "" {
		t.Errorf("%v allocations and the traceparent %q, want none", allocs, tx.traceparent)
	}
}
