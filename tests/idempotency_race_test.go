package tests

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// together calls do at once on n connections of the login of requests.
func together(t *testing.T, db *dbtest.DB, n int, do func(conn *pgx.Conn) (string, error)) []string {
	t.Helper()
	got := make([]string, n)
	var group sync.WaitGroup
	begin := make(chan struct{})
	for i := range got {
		conn, err := pgx.Connect(t.Context(), db.URL("authenticator"))
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			defer conn.Close(t.Context())
			<-begin
			if got[i], err = do(conn); err != nil {
				got[i] = sqlState(err)
			}
		})
	}
	close(begin)
	group.Wait()
	slices.Sort(got)
	return got
}

func text(row pgx.Row) (s string, err error) {
	err = row.Scan(&s)
	return s, err
}

func TestOneOfManyGetsTheKey(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	const n = 6
	stored := func(conn *pgx.Conn) (string, error) {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			return "", err
		}
		defer tx.Rollback(t.Context())
		if _, err := tx.Exec(t.Context(), `select idempotency.claim('a', 'k')`); err != nil {
			return "", err
		}
		if _, err := tx.Exec(t.Context(), `select idempotency.store('a', 'k', sha256('x'), 200)`); err != nil {
			return "", err
		}
		return "stored", tx.Commit(t.Context())
	}
	storedFirst := func(conn *pgx.Conn) (string, error) {
		_, err := conn.Exec(t.Context(), `select idempotency.store('a', 'f', sha256('x'), 200)`)
		return "stored", err
	}
	lease := func(conn *pgx.Conn) (string, error) {
		return text(conn.QueryRow(t.Context(), `select state from idempotency.lease('a', 'l', sha256('x'), '1 min')`))
	}
	for _, c := range []struct {
		name, before string
		do           func(*pgx.Conn) (string, error)
		one, others  string
	}{
		{"new", ``, stored, "stored", "FXI01"},
		{"expired", `update idempotency.keys set expires_at = clock_timestamp()`, stored, "stored", "FXI01"},
		{"an answer that is known beforehand", ``, storedFirst, "stored", "23505"},
		{"a lease", ``, lease, "yours", "running"},
		{"a lease that is over", `update idempotency.keys set leased_until = clock_timestamp()`, lease, "yours", "running"},
		{"a lease that has expired", `update idempotency.keys set expires_at = clock_timestamp()`, lease, "yours", "running"},
	} {
		exec(t, db, c.before)
		got := together(t, db, n, c.do)
		if ones := len(got) - len(slices.DeleteFunc(slices.Clone(got), func(s string) bool { return s == c.one })); ones != 1 || strings.Count(fmt.Sprint(got), c.others) != n-1 {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// However a lease is given up and taken over, one answer stands, and it is of who held
// the key when it came.
func TestOneOfManyFinishes(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	got := together(t, db, 6, func(conn *pgx.Conn) (string, error) {
		for range 20 {
			var state string
			var fence *int64
			err := conn.QueryRow(t.Context(), `select state, fence from idempotency.lease('a', 'k', sha256('x'), '0 s')`).Scan(&state, &fence)
			if err != nil || state == "done" {
				return state, err
			}
			if state != "yours" {
				continue
			}
			status := `503`
			if rand.N(4) == 0 {
				status = `200`
			}
			var ok bool
			err = conn.QueryRow(t.Context(), `select idempotency.finish('a', 'k', $1::bigint, `+status+`, '{}', $1::bigint::text::bytea)`, *fence).Scan(&ok)
			if err != nil {
				return "", err
			}
			if ok && status == `200` {
				return "finished", nil
			}
		}
		return "gave up", nil
	})
	if n := strings.Count(fmt.Sprint(got), "finished"); n > 1 || slices.Contains(got, "done") && n == 0 || strings.Contains(fmt.Sprint(got), "P") {
		t.Errorf("%s", got)
	}
}

func TestSweepersAndRequestsLeaveEachOtherAlone(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `insert into idempotency.keys (scope, key, fingerprint, expires_at, status)
		select 'a', n::text, sha256('x'), clock_timestamp(), 200 from generate_series(1, 300) as n`)
	swept, stored := make(chan int, 1000), make(chan int, 1000)
	got := together(t, db, 6, func(conn *pgx.Conn) (string, error) {
		for i := range 100 {
			var n int
			if conn.PgConn().PID()%2 == 0 {
				if err := conn.QueryRow(t.Context(), `select idempotency.sweep(7)`).Scan(&n); err != nil {
					return "", err
				}
				swept <- n
				continue
			}
			err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
				if _, err := tx.Exec(t.Context(), `select idempotency.claim('a', $1)`, fmt.Sprint(i+1)); err != nil {
					return err
				}
				_, err := tx.Exec(t.Context(), `select idempotency.store('a', $1, sha256('y'), 201)`, fmt.Sprint(i+1))
				return err
			})
			if err != nil && sqlState(err) != "FXI01" {
				return "", err
			}
			if err == nil {
				stored <- i
			}
		}
		return "", nil
	})
	close(swept)
	close(stored)
	if strings.Join(got, "") != "" {
		t.Errorf("%s", got)
	}
	over, taken := 0, map[int]bool{}
	for n := range swept {
		over += n
	}
	for i := range stored {
		taken[i] = true
	}
	rest, kept := 0, 0
	if err := db.Conn(t).QueryRow(t.Context(), `select idempotency.sweep(1000), (select count(*) from idempotency.keys where status = 201)`).Scan(&rest, &kept); err != nil {
		t.Fatal(err)
	}
	if kept != len(taken) || over+rest > 300 {
		t.Errorf("%d swept, %d later; %d keys were taken and %d are there", over, rest, len(taken), kept)
	}
}

// Whichever process dies, and when: the client that asks again finds one row.
func TestKilledProcessesLeaveNothingHalfDone(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, keysFixture+`
		alter table public.payments add column note text;
		create function public.tg_dawdle() returns trigger language plpgsql as $$
		begin
		  perform pg_sleep(0.01 * random());
		  return null;
		end $$;
		create trigger dawdle after insert on public.payments execute function public.tg_dawdle();`)
	rounds := 3
	if *soak > 0 {
		rounds = 100
	}
	proxies := []*server{startServer(t, db), startServer(t, db)}
	as := "Authorization: Bearer " + userToken(t, ada)
	answered := 0
	for round := range rounds {
		note := fmt.Sprintf("round %d", round)
		send := func(s *server) (answer, error) {
			return s.try("POST", "/rest/v1/payments?select=note,id", `{"note":"`+note+`"}`, as, full, "Idempotency-Key: "+strings.ReplaceAll(note, " ", "-"))
		}
		// A few requests with the same key go to both, while one of them dies.
		victim := round % 2
		first := make([]answer, 4)
		var group sync.WaitGroup
		for i := range first {
			group.Go(func() { first[i], _ = send(proxies[i%2]) })
		}
		time.Sleep(time.Duration(rand.N(int64(15 * time.Millisecond))))
		if err := proxies[victim].cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-proxies[victim].done
		group.Wait()
		last, err := send(proxies[1-victim])
		if err != nil || last.Status != http.StatusCreated {
			t.Fatalf("%s, asked again: %v %d %s", note, err, last.Status, last.Body)
		}
		for _, a := range first {
			if a.Status == 0 {
				continue // it died before the answer
			}
			answered++
			if a.Status != http.StatusCreated || a.Body != last.Body {
				t.Errorf("%s: %d %s, and asked again %s", note, a.Status, a.Body, last.Body)
			}
		}
		proxies[victim] = startServer(t, db)
	}
	var rows, notes, keys int
	ask := `select count(*), count(distinct note), (select count(*) from idempotency.keys where status = 201) from public.payments`
	if err := db.Conn(t).QueryRow(t.Context(), ask).Scan(&rows, &notes, &keys); err != nil {
		t.Fatal(err)
	}
	if rows != rounds || notes != rounds || keys != rounds {
		t.Errorf("%d rounds left %d rows of %d notes, and %d answers", rounds, rows, notes, keys)
	}
	t.Logf("%d rounds, %d of %d requests were answered before the end of their process", rounds, answered, 4*rounds)
}
