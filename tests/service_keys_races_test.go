package tests

import (
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// Processes are killed in the middle of revocations: what was answered holds, and the
// rows, the decisions and the events agree.
func TestKilledInTheMiddleOfRevocations(t *testing.T) {
	t.Parallel()
	db := keysDB(t)
	conn := db.Conn(t)
	_, operator := issued(t, conn)
	stays := startRealtime(t, db, "stays")
	rounds := 2
	if *soak > 0 {
		rounds = 100
	}
	for range rounds {
		killed := startRealtime(t, db, "killed")
		keys := map[string]string{}
		for range 8 {
			id, key := issued(t, conn)
			keys[id] = key
		}
		var mu sync.Mutex
		answered := map[string]bool{}
		var first sync.Once
		var calls sync.WaitGroup
		for id := range keys {
			calls.Go(func() {
				a, err := killed.try("POST", "/api/v1/admin/service-keys/"+id+"/revoke", `{"reason":"leaked"}`, "apikey: "+operator)
				first.Do(func() { _ = killed.cmd.Process.Signal(syscall.SIGKILL) })
				if err == nil && a.Status == 200 {
					mu.Lock()
					answered[id] = true
					mu.Unlock()
				}
			})
		}
		calls.Wait()
		<-killed.done
		for id, key := range keys {
			a := stays.call(t, "GET", "/rest/v1/things", "", "apikey: "+key)
			if answered[id] && a.Status != 401 {
				t.Errorf("key %s works although its revocation was answered", id)
			}
		}
	}
	var wrong int
	const ask = `
		select count(*) from auth.service_keys as k
		where (k.revoked_at is not null)
			<> exists (select from auth.service_key_revocations as r where r.key_id = k.id and r.kind = 'emergency')
		or (k.revoked_at is not null)
			<> exists (select from audit.events as e where e.target = k.id and e.action = 'service_key.revoked')`
	if err := conn.QueryRow(t.Context(), ask).Scan(&wrong); err != nil || wrong > 0 {
		t.Errorf("%d keys are not what the decisions and events say (%v)", wrong, err)
	}
}

// Two who rotate one key at once make one; who revokes and who rotates leave no key
// alive that was revoked.
func TestRotationsAndRevocationsMeet(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	conn := db.Conn(t)
	var pairs [2]*pgx.Conn
	for i := range pairs {
		pairs[i] = db.Conn(t)
	}
	for round := range 10 {
		id, _ := issued(t, conn)
		second := `select auth.rotate_service_key('` + id + `')`
		if round%2 == 1 {
			second = `call auth.revoke_service_key('` + id + `', 'leaked')`
		}
		var errs [2]error
		var both sync.WaitGroup
		for i, call := range []string{`select auth.rotate_service_key('` + id + `')`, second} {
			both.Go(func() { _, errs[i] = pairs[i].Exec(t.Context(), call) })
		}
		both.Wait()
		var made int
		var revoked, replaced bool
		const ask = `select count(*) filter (where k.id <> $1)::integer, bool_or(k.revoked_at is not null and k.id = $1), bool_or(k.replaced_by is not null)
			from auth.service_keys as k where k.id = $1 or k.id = (select o.replaced_by from auth.service_keys as o where o.id = $1)`
		if err := conn.QueryRow(t.Context(), ask, id).Scan(&made, &revoked, &replaced); err != nil {
			t.Fatal(err)
		}
		switch {
		case round%2 == 0 && (made != 1 || (errs[0] == nil) == (errs[1] == nil) || sqlState(errs[0])+sqlState(errs[1]) != "55000"):
			t.Errorf("two rotations made %d keys: %v, %v", made, errs[0], errs[1])
		case round%2 == 1 && (!revoked || errs[1] != nil || replaced != (errs[0] == nil) || errs[0] != nil && sqlState(errs[0]) != "55000"):
			t.Errorf("revoked %v, replaced %v: %v, %v", revoked, replaced, errs[0], errs[1])
		}
	}
	// Two who revoke one key at once make one decision.
	id, _ := issued(t, conn)
	var both sync.WaitGroup
	for _, c := range pairs {
		both.Go(func() {
			if _, err := c.Exec(t.Context(), `call auth.revoke_service_key('`+id+`', 'leaked')`); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	var n int
	if err := conn.QueryRow(t.Context(), `select count(*) from auth.service_key_revocations where key_id = $1`, id).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d decisions (%v)", n, err)
	}
	// Within a transaction the procedure is refused, and nothing of it stays.
	id, _ = issued(t, conn)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `call auth.revoke_service_key('`+id+`', 'leaked')`); sqlState(err) != "2D000" {
		t.Errorf("within a transaction: %v", err)
	}
	_ = tx.Rollback(t.Context())
	var alive bool
	if err := conn.QueryRow(t.Context(), `select k.revoked_at is null from auth.service_keys as k where k.id = $1`, id).Scan(&alive); err != nil || !alive {
		t.Errorf("it was revoked all the same (%v)", err)
	}
}

// Functions that write, each called by two at once.
func TestWritersOfKeysAndEventsMeet(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	conns := []*pgx.Conn{db.Conn(t), db.Conn(t)}
	id, _ := issued(t, conns[0])
	other, _ := issued(t, conns[0])
	for _, calls := range [][2]string{
		{`select auth.issue_service_key('x')`, `select auth.issue_service_key('x')`},
		{`select auth.deprecate_service_key('` + id + `')`, `select auth.deprecate_service_key('` + id + `', '1 h')`},
		{`select auth.end_legacy_keys('x', jti => 'y')`, `select auth.end_legacy_keys('x', jti => 'y')`},
		{
			`select auth.note_service_key_uses('[{"id":"` + id + `","at":5},{"id":"` + other + `","at":7}]')`,
			`select auth.note_service_key_uses('[{"id":"` + other + `","at":5},{"id":"` + id + `","at":7}]')`,
		},
		{`select audit.make_partitions()`, `select audit.make_partitions()`},
		{`select audit.make_partitions(9)`, `select auth.issue_service_key('x')`},
		{`select audit.drop_partitions('1 year')`, `select audit.make_partitions(12)`},
	} {
		for range 5 {
			var both sync.WaitGroup
			for i, call := range calls {
				both.Go(func() {
					if err := tryAgain(t.Context(), conns[i], call); err != nil {
						t.Errorf("%s: %v", call, err)
					}
				})
			}
			both.Wait()
		}
	}
	var events, issued, used int
	const ask = `select
		(select count(*) from audit.events as e where e.action = 'service_key.issued'),
		(select count(*) from auth.service_keys),
		(select count(*) from auth.service_key_uses as u where u.last_used_at = to_timestamp(7))`
	if err := conns[0].QueryRow(t.Context(), ask).Scan(&events, &issued, &used); err != nil || events != issued || issued != 17 || used != 2 {
		t.Errorf("%d events of %d keys, want 17; %d were used last at 7, want 2 (%v)", events, issued, used, err)
	}
}
