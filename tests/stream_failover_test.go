package tests

import (
	"context"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/replication"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// A standby that is promoted begins another history: whoever follows is told so, hears
// of all that comes, and can't go on from a place in the old one.
func TestAPromotedStandbyIsANewEpoch(t *testing.T) {
	t.Parallel()
	primary := dbtest.Private(t, dbtest.Options{})
	db := primary.New(t)
	exec(t, db, `
		create table t (id integer primary key);
		create table told (n bigint generated always as identity primary key, what text not null);
		grant insert on told to fluxbase_replication`)
	publish(t, db, "t")
	login, err := url.Parse(db.URL(sql.Replication))
	if err != nil {
		t.Fatal(err)
	}
	standby := primary.Standby(t)
	other, err := url.Parse(standby.URL(db.Name))
	if err != nil {
		t.Fatal(err)
	}
	// The standby is named first: it is passed over while it is one.
	old := *login
	login.Host = other.Host + "," + old.Host
	s := newStream(t, db, replication.Config{DatabaseURL: login.String()})
	l := listen(t, s, changes.Options{Want: everything, From: elsewhere})
	l.gap()
	login.Host = old.Host + "," + other.Host
	c := teller(t, login.String(), s, slog.New(slog.NewTextHandler(s.log, nil)))
	ctx, cancel := context.WithCancel(context.Background())
	var working sync.WaitGroup
	working.Go(func() { c.Run(ctx) })
	t.Cleanup(func() { cancel(); working.Wait() })
	first := db.Conn(t)
	eventually(t, "the consumer has begun", func() bool { return begun(t, first) })
	exec(t, db, `insert into t values (1)`)
	last := l.next().Position()

	replica, err := pgx.Connect(t.Context(), other.String())
	if err != nil {
		t.Fatal(err)
	}
	defer replica.Close(t.Context())
	eventually(t, "the standby has it, and that it was told", func() bool { return len(told(t, replica)) == 1 })
	primary.Kill()
	if _, err := replica.Exec(t.Context(), `select pg_promote()`); err != nil {
		t.Fatal(err)
	}
	if _, err := replica.Exec(t.Context(), `insert into t values (2)`); err != nil {
		t.Fatal(err)
	}
	gap := l.gap()
	if gap.Reason != changes.NewEpoch || gap.After != last || gap.From.Timeline != last.Timeline+1 || gap.From.System != last.System {
		t.Errorf("got %+v after %s", gap, last)
	}
	eventually(t, "it streams again", func() bool { return s.State().Phase == changes.Streaming })
	if _, err := replica.Exec(t.Context(), `insert into t values (3)`); err != nil {
		t.Fatal(err)
	}
	tx := l.next()
	if showAll(tx) == "I t (2)" { // there was a slot already
		tx = l.next()
	}
	if got := showAll(tx); got != "I t (3)" || tx.Epoch != gap.From.Epoch {
		t.Errorf("got %s in %v", got, tx.Epoch)
	}
	late := listen(t, s, changes.Options{Want: everything, From: last})
	if gap := late.gap(); gap.Reason != changes.NewEpoch || gap.After != last {
		t.Errorf("from a place in the old history: got %+v", gap)
	}
	eventually(t, "the consumer is told too", func() bool { return slices.Contains(told(t, replica), "I t (3)") })
	if got := strings.Replace(strings.Join(told(t, replica), "; "), "I t (2); ", "", 1); got != "I t (1); gap: "+string(changes.NewEpoch)+"; I t (3)" {
		t.Errorf("the consumer was told %s", got)
	}
}

// When nothing comes any more, not even that the connection has ended, the stream says
// so and connects anew, and has missed nothing.
func TestAServerThatGoesSilentIsNoticed(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `create table t (id integer primary key)`)
	publish(t, db, "t")
	relay := newRelay(t, db.URL(sql.Replication))
	// The shorter the ring, the more often the server is asked for a sign of life.
	s := newStream(t, db, replication.Config{DatabaseURL: relay.url, RingTime: 400 * time.Millisecond})
	l := listen(t, s, changes.Options{Want: everything, From: elsewhere})
	l.gap()
	exec(t, db, `insert into t values (1)`)
	l.next()
	streamReady(t, s)

	relay.mute.Store(true)
	exec(t, db, `insert into t values (2)`)
	failing(t, s, "unreachable")
	eventually(t, "the log says why", func() bool { return strings.Contains(s.log.String(), "the server has gone silent") })
	relay.mute.Store(false)
	if got := showAll(l.next()); got != "I t (2)" {
		t.Errorf("got %s", got)
	}
	exec(t, db, `insert into t values (3)`)
	if got := showAll(l.next()); got != "I t (3)" {
		t.Errorf("got %s", got)
	}
}
