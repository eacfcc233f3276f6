package tests

import (
	"crypto/md5"
	"fmt"
	"strconv"
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
	t.Run("large rows, and a key that changes", func(t *testing.T) {
		c := newResumer(t, one, onTails(""))
		exec(t, db, `insert into tails (id) values (6000)`)
		c.skipTo(told(6000, 6000)[0])
		c.close()
		large := func(id, bytes int) (statement, told string) {
			var b strings.Builder
			for i := range bytes / md5.Size / 2 {
				fmt.Fprintf(&b, "%x", md5.Sum([]byte(strconv.Itoa(i))))
			}
			return fmt.Sprintf(`insert into tails select %d, string_agg(md5(i::text), '' order by i) from generate_series(0, %d) as i;`,
				id, bytes/md5.Size/2-1), fmt.Sprintf(`INSERT {"id":%d,"body":"%s"}`, id, b.String())
		}
		first, toldFirst := large(6001, 9<<10)
		second, toldSecond := large(6002, 5<<20)
		exec(t, db, first+second+`
			update tails set id = 6003 where id = 6001;
			update tails set body = null where id = 6002;
			delete from tails where id in (6002, 6003)`)
		for _, s := range []*server{one, two} {
			// The log has neither the long value of a row whose key alone has changed, nor
			// more than the key of one that is gone.
			newResumer(t, s, onTails(since(c.position))).expect(toldFirst, toldSecond, `UPDATE {"id":6003}`,
				`UPDATE {"id":6002,"body":null}`, `DELETE {"id":6002}`, `DELETE {"id":6003}`)
		}
	})
	t.Run("what can't be decided is said in its place", func(t *testing.T) {
		exec(t, db, `
			create table public.undecided (id integer primary key);
			alter table public.undecided enable row level security;
			create function public.fails() returns boolean language plpgsql as 'begin raise exception ''no''; end';
			create policy fails on public.undecided using (public.fails());
			grant select on public.undecided to anon;
			select realtime.enable('public.undecided')`)
		const both = `{"postgres_changes":[{"event":"*","schema":"public"}]%s}`
		c := newResumer(t, one, fmt.Sprintf(both, ""))
		exec(t, db, `insert into tails (id) values (7000)`)
		c.skipTo(told(7000, 7000)[0])
		from := c.position
		exec(t, db, `begin; insert into tails (id) values (7001); insert into undecided values (1), (2);
			insert into tails (id) values (7002); commit`)
		for _, c := range []*resumer{c, newResumer(t, two, fmt.Sprintf(both, since(from)))} {
			c.expect(told(7001, 7001)...)
			if what := c.resync(); what != "public.undecided" {
				t.Errorf("%q is to be read again", what)
			}
			again := newResumer(t, two, fmt.Sprintf(both, since(c.position)))
			c.expect(told(7002, 7002)...)
			if what := again.resync(); what != "public.undecided" {
				t.Errorf("after that place %q is to be read again", what)
			}
			again.expect(told(7002, 7002)...)
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
		c, other := newResumer(t, one, onTails("")), newResumer(t, two, onTails(""))
		exec(t, db, `insert into tails (id) values (5000)`)
		c.skipTo(told(5000, 5000)[0])
		other.skipTo(told(5000, 5000)[0]) // who joins there before would hear of it
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
