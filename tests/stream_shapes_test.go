package tests

import (
	"testing"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/replication"
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
