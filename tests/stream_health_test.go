package tests

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/replication"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// failing waits until the stream says that it fails with this kind, and returns how
// it is to be mended.
func failing(t *testing.T, s *streaming, kind string) string {
	t.Helper()
	var f *replication.Failure
	eventually(t, "the stream fails with "+kind, func() bool {
		st := s.State()
		return st.Phase == changes.Failing && errors.As(st.Err, &f) && f.Kind == kind
	})
	if note := s.Note(); !strings.Contains(note, kind) || strings.Contains(note, f.Err.Error()) {
		t.Errorf("anyone is told %q, want the kind alone", note)
	}
	return f.Mend
}

// Whatever keeps changes from being streamed is named with its mend, and once it is
// mended they are.
func TestStreamSaysWhatToMendAndRecovers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		settings         map[string]string
		spoil, kind, how string
		mend             string
	}{
		"no slot free": {
			map[string]string{"max_replication_slots": "1"},
			`select pg_create_physical_replication_slot('other')`, "slots", "max_replication_slots", `select pg_drop_replication_slot('other')`,
		},
		"no rights": {
			nil, `alter role fluxbase_replication noreplication`, "rights", "alter role fluxbase_replication replication", `alter role fluxbase_replication replication`,
		},
		"no publication": {
			nil, `drop publication if exists supabase_realtime, fluxbase_system`, "publication", "fluxbase migrate up", `create publication supabase_realtime for table t`,
		},
		"a synchronous standby": {
			nil, `alter system set synchronous_standby_names = '*'; select pg_reload_conf()`, "synchronous", "synchronous_standby_names", `alter system reset synchronous_standby_names; select pg_reload_conf()`,
		},
		"password": {
			nil, `alter role fluxbase_replication password 'other'`, "login", "fluxbase migrate up", `alter role fluxbase_replication password 'first'`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.Private(t, dbtest.Options{Settings: tt.settings}).New(t)
			exec(t, db, `create table t (id integer primary key)`)
			publish(t, db, "t")
			login, err := sql.LoginURL(db.AdminURL(), sql.Replication, "first")
			if err != nil {
				t.Fatal(err)
			}
			exec(t, db, `alter role fluxbase_replication password 'first'`)
			for statement := range strings.SplitSeq(tt.spoil, "; ") { // alter system wants to be alone
				exec(t, db, statement)
			}
			s := newStream(t, db, replication.Config{DatabaseURL: login})
			l := listen(t, s, changes.Options{Want: everything})
			if how := failing(t, s, tt.kind); !strings.Contains(how, tt.how) {
				t.Errorf("the mend is %q, want %s in it", how, tt.how)
			}
			for statement := range strings.SplitSeq(tt.mend, "; ") {
				exec(t, db, statement)
			}
			for reason := changes.Reason(""); reason != changes.Started; { // a slot may have been there before
				reason = l.gap().Reason
			}
			eventually(t, "the stream is well", func() bool { return s.State().Phase == changes.Streaming })
			streamReady(t, s)
			exec(t, db, `insert into t values (1)`)
			if got := showAll(l.next()); got != "I t (1)" || s.Note() != "" {
				t.Errorf("once mended: got %s, %q", got, s.Note())
			}
		})
	}
}

// With wal_level replica requests are answered, and after the change of the setting
// there are changes too, in the same process.
func TestWithoutLogicalReplicationRequestsAreAnswered(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"wal_level": "replica"}
	c := dbtest.Private(t, dbtest.Options{Settings: settings})
	db := c.New(t)
	exec(t, db, `create table t (id integer primary key); grant select on t to anon`)
	s := startServer(t, db, "FLUXBASE_REPLICATION_DATABASE_URL="+db.URL(sql.Replication))
	eventually(t, "the reason is told", func() bool {
		a := s.call(t, "GET", "/readyz", "")
		return a.Status == 200 && a.Body == "ready\nchanges: failing (wal_level)\n"
	})
	if a := s.call(t, "GET", "/rest/v1/t", ""); a.Status != 200 {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	// Balancers of realtime alone are told otherwise.
	for path, want := range map[string]string{"/readyz?for=realtime": "503 stream_away", "/readyz?for=weather": "404 not_found"} {
		a := s.call(t, "GET", path, "")
		var e struct{ Code string }
		if err := json.Unmarshal([]byte(a.Body), &e); err != nil || fmt.Sprint(a.Status, " ", e.Code) != want {
			t.Errorf("%s: got %d %s (%v), want %s", path, a.Status, a.Body, err, want)
		}
	}
	if log := s.Log(); !strings.Contains(log, "alter system set wal_level = 'logical'") {
		t.Errorf("the log doesn't name the mend:\n%s", tail(log))
	}
	if n := metric(t, s, `fluxbase_changes_failures_total{kind="wal_level"}`); n < 1 {
		t.Errorf("%v failures are counted", n)
	}
	settings["wal_level"] = "logical"
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Restart(t)
	publish(t, db)
	eventually(t, "changes are streamed", func() bool {
		a, err := s.try("GET", "/readyz", "")
		return err == nil && a.Status == 200 && a.Body == "ready\n" && metric(t, s, "fluxbase_changes_up") == 1
	})
	if a := s.call(t, "GET", "/readyz?for=realtime", ""); a.Status != 200 || a.Body != "ready\n" {
		t.Errorf("once all is well, realtime is told %d %s", a.Status, a.Body)
	}
}

// Of two processes with one name the first streams, the other says why it doesn't
// and takes over when the first ends. Neither loses or repeats anything.
func TestOneSlotHasOneReader(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `create table t (id integer primary key)`)
	publish(t, db, "t")
	both := [2]*streaming{newStream(t, db, replication.Config{}), newStream(t, db, replication.Config{})}
	defer both[0].stop()
	defer both[1].stop()
	first, second := both[0], both[1]
	eventually(t, "one of them streams", func() bool {
		if second.State().Phase == changes.Streaming {
			first, second = second, first
		}
		return first.State().Phase == changes.Streaming
	})
	if how := failing(t, second, "in_use"); !strings.Contains(how, "FLUXBASE_REALTIME_INSTANCE") {
		t.Errorf("the mend is %q", how)
	}
	l, taker := listen(t, first, changes.Options{Want: everything}), listen(t, second, changes.Options{Want: everything})
	exec(t, db, `insert into t values (1)`)
	if got := showAll(l.next()); got != "I t (1)" {
		t.Errorf("the first tells %s", got)
	}
	first.stop()
	if gap := taker.gap(); gap.Reason != changes.Started {
		t.Errorf("the second begins with %v", gap)
	}
	exec(t, db, `insert into t values (2)`)
	for _, want := range []string{"I t (1)", "I t (2)"} { // of the first one's ring, and after it
		if got := showAll(taker.next()); got != want {
			t.Errorf("the second tells %s, want %s", got, want)
		}
	}
}

func TestALostSlotIsAGap(t *testing.T) {
	t.Parallel()
	db := dbtest.Private(t, dbtest.Options{Settings: map[string]string{"max_slot_wal_keep_size": "1MB", "max_wal_size": "64MB", "wal_keep_size": "0"}}).New(t)
	s, l := streamOf(t, db, "t (id integer primary key)", replication.Config{})
	exec(t, db, `insert into t values (1)`)
	l.next()
	conn := db.Conn(t)
	// The ring still holds the row, so the log must be kept, but the server won't.
	eventually(t, "the slot is lost and made anew", func() bool {
		var lost bool
		const ask = `select coalesce(bool_and(wal_status = 'lost'), true) from pg_replication_slots`
		if err := conn.QueryRow(t.Context(), ask).Scan(&lost); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(s.log.String(), "made anew") {
			return true
		}
		if lost { // more would take the new one too
			return false
		}
		for _, statement := range []string{`select pg_logical_emit_message(true, 'other', ''), pg_switch_wal()`, `checkpoint`} {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		return false
	})
	if gap := l.gap(); gap.Reason != changes.SlotLost || gap.After.LSN == 0 || gap.From.LSN <= gap.After.LSN {
		t.Errorf("got %+v", gap)
	}
	streamReady(t, s)
	exec(t, db, `insert into t values (2)`)
	if got := showAll(l.next()); got != "I t (2)" {
		t.Errorf("got %s", got)
	}
}

// A slot waits for the transactions that run when it is made. Meanwhile nothing
// else waits, and the log names them.
func TestASlotThatMustWaitNamesWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	db := dbtest.Private(t, dbtest.Options{Settings: map[string]string{"max_prepared_transactions": "2"}}).New(t)
	exec(t, db, `create table t (id integer primary key)`)
	publish(t, db, "t")
	exec(t, db, `begin; insert into t values (1); prepare transaction 'forgotten'`)
	s := newStream(t, db, replication.Config{DatabaseURL: db.URL(sql.Replication) + "&lock_timeout=300ms"})
	if how := failing(t, s, "blocked"); !strings.Contains(how, "have ended") || !strings.Contains(s.State().Err.Error(), "prepared transaction 'forgotten'") {
		t.Errorf("got %v", s.State().Err)
	}
	exec(t, db, `commit prepared 'forgotten'`)
	streamReady(t, s)
}

// A server that shuts down waits until its readers have confirmed all, which ours
// does only a minute later: it must leave.
func TestPostgresStopsWhileChangesAreStreamed(t *testing.T) {
	t.Parallel()
	c := dbtest.Private(t, dbtest.Options{})
	db := c.New(t)
	s, l := streamOf(t, db, "t (id integer primary key)", replication.Config{})
	exec(t, db, `insert into t values (1)`)
	l.next()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := c.Stop(ctx); err != nil || ctx.Err() != nil {
		t.Errorf("Postgres did not stop by itself: %v, %v", err, ctx.Err())
	}
	failing(t, s, "unreachable")
	c.Restart(t)
	streamReady(t, s)
	exec(t, db, `insert into t values (2)`)
	if got := showAll(l.next()); got != "I t (2)" {
		t.Errorf("after the restart: got %s", got)
	}
}

func TestSlotsThatNobodyReadsAreDropped(t *testing.T) {
	t.Parallel()
	db := dbtest.Private(t, dbtest.Options{}).New(t)
	exec(t, db, `create table t (id integer primary key)`)
	publish(t, db, "t")
	conn := db.Conn(t)
	slots := func(query string) (n int) {
		if err := conn.QueryRow(t.Context(), `select count(*) from pg_replication_slots where `+query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, name := range []string{"fluxbase_dead1", "fluxbase_dead2", "others"} {
		exec(t, db, `select pg_create_logical_replication_slot('`+name+`', 'pgoutput')`)
	}
	exec(t, db, `select pg_create_logical_replication_slot('fluxbase_other', 'test_decoding'), pg_create_physical_replication_slot('fluxbase_standby', true)`)
	// Two sweep at once, and each is alive to the other.
	one := newStream(t, db, replication.Config{Instance: "one", DeadSlotAfter: time.Second})
	two := newStream(t, db, replication.Config{Instance: "two", DeadSlotAfter: time.Second})
	l := listen(t, one, changes.Options{Want: everything, From: elsewhere})
	l.gap()
	eventually(t, "the dead are dropped", func() bool { return slots(`slot_name ~ '^fluxbase_dead'`) == 0 })
	streamReady(t, one)
	streamReady(t, two)
	if n := slots(`slot_name in ('others', 'fluxbase_other', 'fluxbase_standby')`); n != 3 {
		t.Errorf("%d of 3 slots of others are left", n)
	}
	if n := slots(`slot_name in ('fluxbase_one', 'fluxbase_two') and active`); n != 2 {
		t.Errorf("%d of 2 slots that are read are left", n)
	}
	two.stop()
	eventually(t, "the slot of one that has gone is dropped", func() bool { return slots(`slot_name = 'fluxbase_two'`) == 0 })
	exec(t, db, `insert into t values (1)`)
	if got := showAll(l.next()); got != "I t (1)" {
		t.Errorf("got %s", got)
	}
}

// Publications come and go while changes are streamed.
func TestANewPublicationIsReadFromItsBeginning(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `create table t (id integer primary key); create table ours (id integer primary key)`)
	publish(t, db, "t")
	exec(t, db, `drop publication if exists fluxbase_system`)
	s := newStream(t, db, replication.Config{})
	l := listen(t, s, changes.Options{Want: everything, From: elsewhere})
	l.gap()
	exec(t, db, `insert into t values (1)`)
	exec(t, db, `create publication fluxbase_system for table ours`)
	eventually(t, "it is read", func() bool { return strings.Contains(s.log.String(), "[fluxbase_system supabase_realtime]") })
	exec(t, db, `insert into ours values (1)`)
	for _, want := range []string{"I t (1)", "I ours (1)"} {
		if got := showAll(l.next()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	exec(t, db, `drop publication fluxbase_system, supabase_realtime`)
	exec(t, db, `insert into t values (2)`)
	failing(t, s, "publication")
	publish(t, db, "t")
	if gap := l.gap(); gap.Reason != changes.SlotLost {
		t.Errorf("got %v", gap)
	}
	streamReady(t, s)
	exec(t, db, `insert into t values (3)`)
	if got := showAll(l.next()); got != "I t (3)" {
		t.Errorf("got %s", got)
	}
}

// What a slot has confirmed trails the ring, so that a restarted process has the
// ring's transactions again, and moves on when there is nothing to keep.
func TestTheRingIsThereAgainAfterARestart(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `create table t (id integer primary key)`)
	publish(t, db, "t")
	s := newStream(t, db, replication.Config{})
	l := listen(t, s, changes.Options{Want: everything, From: elsewhere})
	at := l.gap().From
	exec(t, db, `insert into t values (1)`)
	first := l.next()
	if first.Position().LSN <= at.LSN {
		t.Errorf("the first transaction is at %s, not after %s", first.Position(), at)
	}
	at.LSN = first.Commit // what other databases wrote before it may have been confirmed already
	exec(t, db, `select pg_logical_emit_message(false, 'test.alone', 'x')`)
	exec(t, db, `insert into t values (2)`)
	l.next()
	l.next()
	streamReady(t, s)
	s.stop()
	short := newStream(t, db, replication.Config{RingTime: time.Second})
	again := listen(t, short, changes.Options{Want: everything, From: at})
	for _, want := range []string{"I t (1)", "M test.alone x", "I t (2)"} {
		if got := showAll(again.next()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	end := short.State().Position
	var confirmed string
	conn := db.Conn(t)
	eventually(t, "the log may go when the ring is empty", func() bool {
		err := conn.QueryRow(t.Context(), `select confirmed_flush_lsn::text from pg_replication_slots where slot_name = $1`, "fluxbase_"+db.Name).Scan(&confirmed)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			t.Fatal(err)
		}
		lsn, err := changes.ParseLSN(confirmed)
		return err == nil && lsn >= end.LSN
	})
}

// A durable reader finds everything after a restart, however long its work has
// lain, and with its position stored beside its work nothing is done twice.
func TestADurableReaderGoesOnWhereItsWorkIsDone(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `create table t (id integer primary key); create table done (id integer primary key); create table place (position text); insert into place values ('`+elsewhere.String()+`')`)
	publish(t, db, "t")
	conn := db.Conn(t)
	stored := func() (p changes.Position) {
		var text string
		if err := conn.QueryRow(t.Context(), `select position from place`).Scan(&text); err != nil {
			t.Fatal(err)
		}
		p, err := changes.ParsePosition(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	do := func(statements string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), statements); err != nil {
			t.Fatal(err)
		}
	}
	const more = 5
	written, done := 0, 0
	write := func() {
		for range more {
			written++
			do(fmt.Sprintf(`insert into t values (%d)`, written))
		}
	}
	for run := range 3 {
		s := newStream(t, db, replication.Config{RingTime: 3 * time.Second})
		l := listen(t, s, changes.Options{Want: everything, From: stored(), Durable: true})
		if run == 0 {
			do(`update place set position = '` + l.gap().From.String() + `'`)
		}
		write()
		for ; done < written; done++ {
			tx := l.next()
			do(`insert into done values (` + string(tx.Events[0].New.Value(0).Text) + `); update place set position = '` + tx.Position().String() + `'`)
			if done%2 == 0 { // the process may end before it says so
				l.Done(tx.Position())
			}
		}
		write() // and leave it
		streamReady(t, s)
		eventually(t, "the ring is empty", func() bool { return gauge(t, s, "fluxbase_changes_ring_bytes") == 0 })
		s.stop()
	}
	s := newStream(t, db, replication.Config{})
	l := listen(t, s, changes.Options{Want: everything, From: stored(), Durable: true})
	for ; done < written; done++ {
		do(`insert into done values (` + string(l.next().Events[0].New.Value(0).Text) + `)`)
	}
	var same bool
	if err := conn.QueryRow(t.Context(), `select array(table t order by 1) = array(table done order by 1)`).Scan(&same); err != nil || !same {
		t.Errorf("not all was done (%v)", err)
	}
}
