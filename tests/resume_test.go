package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// onTails is a join that listens to the table of these tests, with more of the config.
func onTails(more string) string {
	return `{"postgres_changes":[{"event":"*","schema":"public","table":"tails"}]` + more + `}`
}

func since(position string) string { return `,"postgres_changes_options":{"since":"` + position + `"}` }

// tailsDB has a table that all may read.
func tailsDB(t *testing.T) *dbtest.DB {
	t.Helper()
	db := dbtest.New(t)
	exec(t, db, `
		create table public.tails (id integer primary key, body text);
		grant select on public.tails to anon;
		select realtime.enable('public.tails')`)
	return db
}

func TestResume(t *testing.T) {
	t.Parallel()
	db := tailsDB(t)
	one, two := startRealtime(t, db, "one"), startRealtime(t, db, "two")
	insert := func(from, to int) {
		exec(t, db, fmt.Sprintf(`insert into tails (id) select generate_series(%d, %d)`, from, to))
	}
	told := func(from, to int) (list []string) {
		for id := from; id <= to; id++ {
			list = append(list, fmt.Sprintf(`INSERT {"id":%d,"body":null}`, id))
		}
		return list
	}

	t.Run("goes on within a transaction, at either process", func(t *testing.T) {
		c := newResumer(t, one, onTails(""))
		exec(t, db, `insert into tails (id) values (0)`)
		c.skipTo(told(0, 0)[0])
		insert(1, 5)
		c.expect(told(1, 2)...)
		middle := c.position
		c.expect(told(3, 5)...)
		exec(t, db, `update tails set body = 'b' where id = 5; delete from tails where id = 4`)
		for _, s := range []*server{one, two} {
			again := newResumer(t, s, onTails(since(middle)))
			again.expect(append(told(3, 5), `UPDATE {"id":5,"body":"b"}`, `DELETE {"id":4}`)...)
			last := newResumer(t, s, onTails(since(again.position)))
			exec(t, db, `insert into tails (id) values (7)`)
			last.expect(told(7, 7)...)
			again.expect(told(7, 7)...)
			exec(t, db, `delete from tails where id = 7`)
		}
	})
	t.Run("more than waits for a client", func(t *testing.T) {
		c := newResumer(t, one, onTails(""))
		insert(1000, 1000)
		c.skipTo(told(1000, 1000)[0])
		c.close()
		insert(1001, 2000)
		again := newResumer(t, two, onTails(since(c.position)))
		insert(2001, 3000) // while it is told
		again.expect(told(1001, 3000)...)
	})
	t.Run("a transaction of more than waits for a client", func(t *testing.T) {
		c := newResumer(t, one, onTails(""))
		insert(3001, 3900)
		c.skipTo(told(3001, 3001)[0])
		for id := 3002; id <= 3900; id++ {
			m, err := c.next()
			if err != nil {
				t.Fatal(err)
			}
			if m.Event == "system" {
				id--
			} else if got := m.Payload.Data.Type + " " + string(m.Payload.Data.Record); got != told(id, id)[0] {
				t.Fatalf("got %s instead of row %d", got, id)
			}
		}
	})
	t.Run("a heartbeat tells where an idle client stands", func(t *testing.T) {
		c := newResumer(t, one, onTails(""))
		c.position = ""
		for c.position == "" {
			if err := c.conn.WriteMessage(websocket.TextMessage, []byte(`[null,"2","phoenix","heartbeat",{}]`)); err != nil {
				t.Fatal(err)
			}
			m, err := c.next()
			if err != nil {
				t.Fatal(err)
			}
			if i := strings.Index(string(m.Payload.Response), `"position":"`); i >= 0 {
				c.position = strings.Trim(string(m.Payload.Response)[i+len(`"position":"`):], `"}`)
			}
		}
		exec(t, db, `insert into tails (id) values (4000)`)
		newResumer(t, two, onTails(since(c.position))).expect(told(4000, 4000)...)
	})
	t.Run("what can't be told is said, and the channel goes on", func(t *testing.T) {
		c := newResumer(t, one, onTails(""))
		exec(t, db, `insert into tails (id) values (5000)`)
		c.skipTo(told(5000, 5000)[0])
		parts := strings.Split(c.position, "/")
		id := 5001
		for _, position := range []string{
			parts[0] + "/" + parts[1] + "/0/1",  // long gone
			"1/" + strings.Join(parts[1:], "/"), // of another database
			parts[0] + "/77/" + strings.Join(parts[2:], "/"),
		} {
			again := newResumer(t, two, onTails(since(position)))
			if what := again.resync(); what != "*" {
				t.Errorf("after %s, %q is to be read again", position, what)
			}
			from := newResumer(t, one, onTails(since(again.position)))
			insert(id, id)
			again.expect(told(id, id)...)
			from.expect(told(id, id)...)
			id++
		}
		for _, position := range []string{"now", "1/2/3", c.position + "/4"} {
			bad := &resumer{t: t, key: anonToken(t)}
			if err := bad.open(one, onTails(since(position))); err == nil || !strings.Contains(err.Error(), "since is not a position") {
				t.Errorf("since %q: %v", position, err)
			}
		}
	})
	t.Run("broadcasts", func(t *testing.T) {
		const listens = `{"broadcast":{"replay":{"since":"%s"}}}`
		c := newResumer(t, one, `{}`)
		send := func(events ...string) {
			var list []string
			for _, e := range events {
				list = append(list, `{"topic":"tail","event":"`+e+`","payload":{}}`)
			}
			if a := one.call(t, "POST", "/realtime/v1/api/broadcast", `{"messages":[`+strings.Join(list, ",")+`]}`, "Apikey: "+c.key); a.Status != 202 {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
		}
		send("a", "b", "c")
		_, first := c.broadcasts(1)
		c.broadcasts(2)
		want := "bc"
		for _, s := range []*server{one, two} {
			send("d")
			want += "d"
			again := newResumer(t, s, fmt.Sprintf(listens, first))
			got, last := again.broadcasts(len(want))
			if strings.Join(got, "") != want {
				t.Errorf("after a come %q, want %s", got, want)
			}
			none := newResumer(t, s, fmt.Sprintf(listens, last))
			send("e")
			want += "e"
			for _, c := range []*resumer{again, none} {
				if got, _ := c.broadcasts(1); got[0] != "e" {
					t.Errorf("then comes %q", got)
				}
			}
		}
		if gone := newResumer(t, one, fmt.Sprintf(listens, "7/1/0/1")); gone.resync() != "broadcast" {
			t.Error("a place that nobody knows was not told of")
		}
		bad := &resumer{t: t, key: c.key}
		if err := bad.open(one, `{"broadcast":{"replay":{"since":1}}}`); err == nil || !strings.Contains(err.Error(), "not allowed for public channels") {
			t.Errorf("a replay by time of a public channel: %v", err)
		}
	})
	noServerErrors(t, one)
	noServerErrors(t, two)
}
