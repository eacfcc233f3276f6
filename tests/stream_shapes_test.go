package tests

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/replication"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// everything of a test's tables, and its messages.
var everything = changes.Want{AllTables: true, Prefixes: []string{"test."}}

func TestStreamTellsEveryKindOfChange(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `
		create table note (id integer primary key, body text, long text);
		alter table note alter long set storage external;
		create table whole (id integer, long text);
		alter table whole alter long set storage external;
		alter table whole replica identity full;
		create table other (id integer primary key)`)
	publish(t, db, "note", "whole", "other")
	s := newStream(t, db, replication.Config{})
	l := listen(t, s, changes.Options{Want: everything})
	if gap := l.gap(); gap.Reason != changes.Started {
		t.Fatalf("got %v, want to hear that the stream begins", gap)
	}
	long := "repeat('x', 3000)"
	for _, tt := range []struct{ do, want string }{
		{`insert into note values (1, 'one', null)`, "I note (1,one,null)"},
		{`update note set body = '' where id = 1`, "U note (1,,null)"},
		{`update note set id = 2`, "U note (1,null,null) (2,,null)"},
		{`delete from note`, "D note (2,null,null)"},
		{`begin; insert into note values (3, 'a', ` + long + `); rollback`, ""},
		{`insert into note select 3, 'a', left(` + long + `, 3)`, "I note (3,a,xxx)"},
		{`insert into whole select 1, 'xyz'; update whole set id = 2`, "I whole (1,xyz); U whole (1,xyz) (2,xyz)"},
		{`truncate note, whole`, "T note; T whole"},
		{`begin; insert into note values (4); savepoint s; insert into note values (5); rollback to s; insert into note values (6); commit`, "I note (4,null,null); I note (6,null,null)"},
		{`begin; select pg_logical_emit_message(true, 'test.in', 'order'); insert into other values (1); select pg_logical_emit_message(true, 'test.in', ''); commit`, "M test.in order; I other (1); M test.in "},
		{`select pg_logical_emit_message(false, 'test.alone', 'now')`, "M test.alone now"},
		{`begin; select pg_logical_emit_message(true, 'test.in', 'never'); rollback`, ""},
		{`select pg_logical_emit_message(true, 'strange', 'prefix')`, ""},
		{`insert into other values (2)`, "I other (2)"},
	} {
		exec(t, db, tt.do)
		if tt.want == "" {
			continue
		}
		if got := showAll(l.next()); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.do, got, tt.want)
		}
	}

	exec(t, db, `insert into note select 7, 'a', `+long+`; insert into whole select 7, `+long)
	l.next()
	exec(t, db, `update note set body = 'b' where id = 7; update whole set id = 8`)
	for _, e := range l.next().Events {
		i := e.Relation.Index("long")
		if v := e.New.Value(i); v.Kind != changes.Unchanged {
			t.Errorf("%s: a long value that didn't change is of kind %c", e.Relation.Name, v.Kind)
		}
		if whole := e.Relation.Identity == changes.IdentityFull; whole != (len(e.Old.Value(i).Text) == 3000) {
			t.Errorf("%s: its old value has %d bytes", e.Relation.Name, len(e.Old.Value(i).Text))
		}
	}
}

func TestStreamTellsARowOfFiveMegabytes(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	_, l := streamOf(t, db, "t (id integer primary key, v text)", replication.Config{})
	exec(t, db, `insert into t select 1, string_agg(md5(i::text), '') from generate_series(1, 5 * 1024 * 32) as i`)
	var want []byte
	if err := db.Conn(t).QueryRow(t.Context(), `select sha256(v::bytea) from t`).Scan(&want); err != nil {
		t.Fatal(err)
	}
	v := l.next().Events[0].New.Value(1)
	if got := sha256.Sum256(v.Text); len(v.Text) != 5<<20 || !bytes.Equal(got[:], want) {
		t.Errorf("got %d bytes, or others than were written", len(v.Text))
	}
	exec(t, db, `update t set id = 2`)
	if got := show(&l.next().Events[0]); got != "U t (1,null) (2,unchanged)" {
		t.Errorf("got %s", got)
	}
}

// A bulk load is told as what it touched; neither it nor rows of many megabytes
// take memory. With -soak it has a million rows.
func TestStreamTakesABulkLoadInLittleMemory(t *testing.T) {
	t.Parallel()
	rows := 200_000
	if *soak > 0 {
		rows = 1_000_000
	}
	db := dbtest.New(t)
	exec(t, db, `create table t (id integer primary key, v text)`)
	publish(t, db, "t")
	s := startServer(t, db, "FLUXBASE_REPLICATION_DATABASE_URL="+db.URL(sql.Replication), "FLUXBASE_REALTIME_INSTANCE="+db.Name, "FLUXBASE_REALTIME_RING_BYTES=8388608")
	t.Cleanup(func() { s.stop(t); dropSlot(t, db, "fluxbase_"+db.Name) })
	decoded := func() float64 { return metric(t, s, `fluxbase_changes_decoded_total{operation="insert"}`) }
	eventually(t, "the stream is up", func() bool { return metric(t, s, "fluxbase_changes_up") == 1 })
	before := peakMemory(t, s)

	exec(t, db, fmt.Sprintf(`insert into t select i, repeat('x', 200) from generate_series(1, %d) as i`, rows))
	eventually(t, "the load is decoded", func() bool { return decoded() == float64(rows) })
	exec(t, db, fmt.Sprintf(`insert into t select -i, repeat('x', 8 * 1024 * 1024) from generate_series(1, 16) as i; delete from t where id %% 2 = 0`))
	eventually(t, "large rows are decoded", func() bool { return decoded() == float64(rows+16) })
	// A row of 8 MB is there twice at most, beside the ring and what Go has not yet freed.
	peak := peakMemory(t, s)
	if grown := peak - before; grown > 100<<20 {
		t.Errorf("the process grew by %d MB", grown>>20)
	}
	t.Logf("%d rows: at most %d MB in memory, %d MB of them before", rows, peak>>20, before>>20)
	if n := metric(t, s, "fluxbase_changes_ring_bytes"); n > 8<<20 {
		t.Errorf("the ring holds %v bytes", n)
	}
}

// peakMemory is the most that a server's process has had in memory.
func peakMemory(t *testing.T, s *server) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	var kB int64
	if _, err := fmt.Sscan(after, &kB); err != nil {
		t.Fatal(err)
	}
	return kB << 10
}

func TestStreamKnowsTablesAsTheyWereAtTheChange(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `create table t (id integer primary key, v text); create table bare (v text)`)
	publish(t, db, "t")
	// A table of our publications is given an identity, but where they publish no updates.
	exec(t, db, `do $$ begin
		if not exists (select from pg_publication where pubname = 'fluxbase_system') then
			create publication fluxbase_system;
		end if;
		alter publication fluxbase_system set (publish = 'insert, truncate');
	end $$`)
	exec(t, db, `alter publication fluxbase_system add table bare`)
	s := newStream(t, db, replication.Config{})
	l := listen(t, s, changes.Options{Want: everything, From: elsewhere})
	l.gap()

	exec(t, db, `insert into t values (1, 'a')`)
	first := l.next().Events[0].Relation
	exec(t, db, `drop table t; create table t (v text, id bigint primary key)`)
	exec(t, db, `insert into t values ('untold', 2)`) // not published
	publish(t, db, "t")
	exec(t, db, `insert into t values ('b', 3)`)
	e := l.next().Events[0]
	if show(&e) != "I t (b,3)" || e.Relation.OID == first.OID || e.Relation.Columns[1].Type != 20 || !e.Relation.Columns[1].Key {
		t.Errorf("after it was made again: %s of %+v", show(&e), e.Relation)
	}
	if first.Columns[0].Name != "id" || first.Columns[0].Type != 23 {
		t.Errorf("what was told before has changed: %+v", first)
	}

	exec(t, db, `begin; insert into t values ('c', 4); alter table t add extra integer default 7; insert into t values ('d', 5); alter table t rename to u; insert into u values ('e', 6); commit`)
	if got := showAll(l.next()); got != "I t (c,4); I t (d,5,7); I u (e,6,7)" {
		t.Errorf("within one transaction: %s", got)
	}

	// Of a table without identity inserts are told; updates and deletes Postgres refuses.
	exec(t, db, `insert into bare values ('x')`)
	if got := l.next(); showAll(got) != "I bare (x)" || got.Events[0].Relation.Identity == changes.IdentityFull {
		t.Errorf("without an identity: %s with identity %c", showAll(got), got.Events[0].Relation.Identity)
	}
	exec(t, db, `truncate bare`)
	if got := showAll(l.next()); got != "T bare" {
		t.Errorf("without an identity: %s", got)
	}
}

func TestStreamTellsEachRowWithTheColumnsItHad(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	_, l := streamOf(t, db, "t (id integer generated always as identity primary key)", replication.Config{})

	const added, writers = 20, 4
	var running sync.WaitGroup
	var stop atomic.Bool
	var written [writers]int
	for w := range writers {
		conn := db.Conn(t)
		running.Go(func() {
			for !stop.Load() {
				if _, err := conn.Exec(t.Context(), `insert into t default values`); err != nil {
					t.Errorf("a writer was refused: %v", err)
					return
				}
				written[w]++
			}
		})
	}
	seen := 0
	for n := range added {
		for range 20 { // so that rows come between any two of the columns
			l.next()
			seen++
		}
		exec(t, db, fmt.Sprintf(`alter table t add c%d integer default %[1]d`, n))
	}
	stop.Store(true)
	running.Wait()
	total := 0
	for _, n := range written {
		total += n
	}
	exec(t, db, `insert into t default values`)
	width := 0
	for seen <= total {
		e := l.next().Events[0]
		seen++
		if e.New.Len() < width || e.New.Len() != len(e.Relation.Columns) {
			t.Fatalf("%d values in %d columns, after rows of %d", e.New.Len(), len(e.Relation.Columns), width)
		}
		width = e.New.Len()
		for i := 1; i < width; i++ {
			if want := strconv.Itoa(i - 1); string(e.New.Value(i).Text) != want {
				t.Fatalf("column %d is %q, want %s", i, e.New.Value(i).Text, want)
			}
		}
	}
	if width != added+1 {
		t.Errorf("the last row has %d columns, want %d", width, added+1)
	}
}
