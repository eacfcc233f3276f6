package tests

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// crosses has one session take a lock, another make a call that waits for it, and the
// first then do what takes what the second may hold. Neither may be told of a deadlock.
func crosses(t *testing.T, db *dbtest.DB, lock, call, then string) {
	t.Helper()
	one, two, watch := db.Conn(t), db.Conn(t), db.Conn(t)
	must := func(conn *pgx.Conn, query string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	must(one, `begin`)
	must(one, lock)
	done := make(chan error, 1)
	go func() {
		_, err := two.Exec(t.Context(), call)
		done <- err
	}()
	eventually(t, "the second waits for the first", func() bool {
		var waits bool
		const ask = `select wait_event_type is not distinct from 'Lock' from pg_stat_activity where pid = $1`
		if err := watch.QueryRow(t.Context(), ask, two.PgConn().PID()).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		return waits
	})
	must(one, then)
	must(one, `commit`)
	if err := <-done; err != nil {
		t.Errorf("%s: %v", call, err)
	}
}

func TestWhoIsDeletedWhileTheySignInAtAProvider(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	const signIn = `select auth.user_of_identity('google', '1', '{"email": "ada@example.com", "email_verified": true}')`
	exec(t, db, signIn)
	crosses(t, db, `select u.id from auth.users as u for update`, signIn, `delete from auth.users`)
	if got := queryText(t, db, `select count(*)::text from auth.users as u join auth.identities as i on i.user_id = u.id`); got != "1" {
		t.Errorf("%s users; want the one who came after", got)
	}
}

func TestAChangeOfAddressMeetsItsResend(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `select auth.begin_change(auth.make_user('ada@example.com', null, null), 'email', 'new@example.com', '{"new": {"hash": "a"}}')`)
	crosses(t, db, `select u.id from auth.users as u for no key update`,
		`select auth.resend('email_change', 'new@example.com', '{"new": {"hash": "b"}}')`, `select auth.take_turn('mail', 'new@example.com')`)
}

// A passkey that is removed opens nothing that stays, whoever comes first.
func TestAPasskeyIsRemovedWhileItSignsIn(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	for _, order := range []string{"remove", "sign in"} {
		exec(t, db, `
			delete from auth.users;
			with made as (select auth.make_user('ada@example.com', null, null) as id)
			insert into auth.webauthn_credentials (user_id, credential_id, public_key, sign_count) select m.id, '\x01', '\x02', 0 from made as m`)
		remove := `select auth.remove_passkey(w.user_id, w.id) from auth.webauthn_credentials as w`
		signIn := `select auth.sign_in_with_passkey(u.id, '\x01', 1) from auth.users as u`
		if order == "remove" {
			crosses(t, db, remove, signIn, `select 1`)
		} else {
			crosses(t, db, signIn, remove, `select 1`)
		}
		if got := queryText(t, db, `select count(*)::text from auth.sessions`); got != "0" {
			t.Errorf("first to %s: %s sessions are open", order, got)
		}
	}
}
