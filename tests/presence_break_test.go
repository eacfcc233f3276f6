package tests

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// kill ends a server as a power cut does.
func kill(t *testing.T, s *server) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.done
}

func TestPresenceOutlivesWhatDies(t *testing.T) {
	t.Parallel()
	c := dbtest.Private(t, dbtest.Options{})
	db := c.New(t)
	one, two := startRealtime(t, db, "one"), startRealtime(t, db, "two")
	witness, ada := attend(t, one, "a", "w"), attend(t, one, "a", "ada")
	bob := attend(t, two, "a", "bob")
	for _, a := range []*attendee{ada, bob} {
		if status := a.wait(a.track(`{"n":1}`)); status != "ok" {
			t.Fatal(status)
		}
	}
	const adaThere, bobThere = `ada {"n":1}`, `bob {"n":1}`
	witness.sees(adaThere, bobThere)

	// A process that dies: its members leave with its lease.
	kill(t, two)
	witness.sees(adaThere)
	admin := db.Conn(t)
	if got := strings.Join(listed(t, admin, "a"), ", "); got != adaThere {
		t.Errorf("the table has %s, want %s", got, adaThere)
	}

	// Postgres crashes, which empties the table, and a process dies before it is back:
	// who lives is there as if nothing had been, and the dead are not left over.
	two = startRealtime(t, db, "two")
	bob = attend(t, two, "a", "bob")
	bob.wait(bob.track(`{"n":1}`))
	witness.sees(adaThere, bobThere)
	told := witness.told
	c.Kill()
	kill(t, two)
	if code := openSocket(t, one).closed(); code != websocket.CloseTryAgainLater {
		t.Errorf("while Postgres is away a connection ends with %d", code)
	}
	c.Restart(t)
	admin = db.Conn(t)
	eventually(t, "ada is entered again", func() bool { return strings.Join(listed(t, admin, "a"), ", ") == adaThere })
	witness.sees(adaThere)
	if n := witness.told - told; n != 1 {
		t.Errorf("%d came or went, want bob alone", n)
	}
	eventually(t, "those who live are counted again", func() bool { return counted(t, admin) == "127.0.0.1 2" })
	ada.wait(ada.track(`{"n":2}`))
	witness.sees(`ada {"n":2}`)

	// One that stops takes its members with it at once.
	kill(t, one)
	two = startRealtime(t, db, "two")
	ada = attend(t, two, "a", "ada")
	ada.wait(ada.track(`{}`))
	if err := two.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-two.done
	for _, line := range listed(t, admin, "a") {
		if line == `ada {}` {
			t.Error("a server that stopped left a member behind")
		}
	}
}

const enter = `select c.refused from realtime.change_presences($1, $1, '1 hour', $2, $3) as c`

// member is an entry of realtime.change_presences.
func entry(channel, topic string) string {
	return fmt.Sprintf(`{"channel":%q,"topic":%q,"private":true,"key":"k","ref":%[1]q,"meta":"{}"}`, channel, topic)
}

func TestPresenceFunctionsMeet(t *testing.T) {
	t.Parallel()
	t.Run("a reader waits for a writer, and sees what it has done", func(t *testing.T) {
		t.Parallel()
		db := dbtest.New(t)
		writer, reader, watch := db.Conn(t), db.Conn(t), db.Conn(t)
		tx, err := writer.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), enter, "p", 10, "["+entry("c", "a")+"]"); err != nil {
			t.Fatal(err)
		}
		read := make(chan string)
		go func() {
			var members string
			err := reader.QueryRow(t.Context(), `select members from realtime.read_presences('[{"topic":"a","private":true}]')`).Scan(&members)
			read <- fmt.Sprint(members, err)
		}()
		eventually(t, "the reader waits", func() (waits bool) {
			err := watch.QueryRow(t.Context(), `select exists (select from pg_locks where pid = $1 and locktype = 'advisory' and not granted)`, reader.PgConn().PID()).Scan(&waits)
			return err == nil && waits
		})
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := <-read; !strings.Contains(got, `"ref": "c"`) {
			t.Errorf("the reader saw %s", got)
		}
	})
	t.Run("a channel takes as many as it may, over all callers, and nobody dead stays", func(t *testing.T) {
		t.Parallel()
		db := dbtest.New(t)
		const limit, callers, calls = 20, 6, 15
		var calling sync.WaitGroup
		for n := range callers {
			conn := db.Conn(t)
			calling.Go(func() {
				proxy := fmt.Sprint("p", n)
				for i := range calls {
					list := []string{entry(fmt.Sprint(proxy, i), "a"), entry(fmt.Sprint(proxy, i, "b"), "b"), entry(fmt.Sprint(proxy, i, "c"), "c")}
					if n%2 == 0 {
						list[0], list[2] = list[2], list[0]
					}
					_, err := conn.Exec(context.Background(), enter, proxy, limit, "["+strings.Join(list, ",")+"]")
					if err == nil && n == 0 && i%5 == 4 {
						_, err = conn.Exec(context.Background(), `select realtime.keep_proxy('p0', 'p0', '-1 s')`)
					}
					if err == nil && n == 1 {
						_, err = conn.Exec(context.Background(), `select realtime.remove_dead_proxies(3)`)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		calling.Wait()
		conn := db.Conn(t)
		rows, err := conn.Query(t.Context(), `select topic, count(*)::integer from realtime.presences group by topic`)
		if err != nil {
			t.Fatal(err)
		}
		topic, count := "", 0
		if _, err := pgx.ForEachRow(rows, []any{&topic, &count}, func() error {
			// Whom a dead process held may have been removed since.
			if count > limit || count < limit/2 {
				t.Errorf("%d are in %s", count, topic)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), `select realtime.keep_proxy('p0', 'p0', '-1 s'); select realtime.remove_dead_proxies()`); err != nil {
			t.Fatal(err)
		}
		var left int
		if err := conn.QueryRow(t.Context(), `select count(*) from realtime.presences as p where not exists (select from realtime.proxies as x where x.id = p.proxy) or p.proxy = 'p0'`).Scan(&left); err != nil || left != 0 {
			t.Errorf("%d members without a process are left, %v", left, err)
		}
	})
}
