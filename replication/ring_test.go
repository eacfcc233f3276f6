package replication

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

var (
	notes = &changes.Relation{Table: changes.Table{Schema: "public", Name: "note"}}
	jobs  = &changes.Relation{Table: changes.Table{Schema: "public", Name: "job"}}
	now   = changes.Epoch{System: 1, Timeline: 1}
)

func newTestRing(bytes int, age time.Duration) *ring {
	return newRing(bytes, age, func() changes.LSN { return 1000 })
}

// attach does as a connection does that works at once.
func (r *ring) attach(epoch changes.Epoch, confirmed, flushed changes.LSN, made bool) changes.LSN {
	from, gap := r.resume(server{epoch, flushed, slot{confirmed, made}})
	if gap != "" {
		r.reset(gap, epoch, from)
	}
	return from
}

// put adds a transaction of rel that ends at end, of 10 bytes.
func (r *ring) put(rel *changes.Relation, end changes.LSN) {
	r.add(&changes.Transaction{Epoch: now, Commit: end - 1, End: end, Events: []changes.Event{{Op: changes.Insert, Relation: rel}}}, 10)
}

// ends reads what is there and writes it as ends and reasons.
func ends(t *testing.T, s changes.Subscription) (all []any) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for {
		tx, err := s.Next(ctx)
		var gap *changes.Gap
		switch {
		case errors.As(err, &gap):
			all = append(all, gap.Reason, gap.After.LSN, gap.From.LSN)
		case errors.Is(err, context.Canceled):
			return all
		case err != nil:
			t.Fatal(err)
		default:
			all = append(all, tx.End)
		}
	}
}

func want(t *testing.T, what string, s changes.Subscription, list ...any) {
	t.Helper()
	got := ends(t, s)
	same := len(got) == len(list)
	for i := 0; same && i < len(got); i++ {
		if n, ok := list[i].(int); ok {
			list[i] = changes.LSN(n)
		}
		same = got[i] == list[i]
	}
	if !same {
		t.Errorf("%s: got %v, want %v", what, got, list)
	}
}

var (
	ofNotes = changes.Options{Want: changes.Want{Tables: []changes.Table{notes.Table}}}
	ofAll   = changes.Options{Want: changes.Want{AllTables: true}}
)

func from(o changes.Options, lsn changes.LSN) changes.Options {
	o.From = changes.Position{Epoch: now, LSN: lsn}
	return o
}

func TestSubscriptionsBeginWhereTheySay(t *testing.T) {
	t.Parallel()
	r := newTestRing(50, time.Hour)
	early := r.subscribe(ofNotes)
	resumed, older := r.subscribe(from(ofAll, 110)), r.subscribe(from(ofAll, 90))
	stranger := r.subscribe(changes.Options{Want: ofAll.Want, From: changes.Position{LSN: 500}})
	if at := r.attach(now, 100, 1000, false); at != 100 {
		t.Errorf("begins at %v, want what the slot has confirmed", at)
	}
	r.put(notes, 110)
	r.put(jobs, 120)
	r.put(notes, 130)
	want(t, "from the start", early, changes.Started, 0, 100, 110, 130)
	want(t, "from a position", resumed, 120, 130)
	want(t, "from before the slot", older, changes.TooOld, 90, 100, 110, 120, 130)
	want(t, "from another epoch", stranger, changes.NewEpoch, 500, 100, 110, 120, 130)
	want(t, "from now", r.subscribe(ofAll))
	want(t, "from the ring", r.subscribe(from(ofNotes, 110)), 130)
	want(t, "from the newest", r.subscribe(from(ofAll, 130)))
	want(t, "from what is still to come", r.subscribe(from(ofAll, 140)))
	r.put(notes, 140)
	r.put(notes, 150)
	r.put(notes, 160) // the first one goes
	want(t, "from the ring's tail", r.subscribe(from(ofAll, 110)), 120, 130, 140, 150, 160)
	want(t, "from before the tail", r.subscribe(from(ofAll, 109)), changes.TooOld, 109, 110, 120, 130, 140, 150, 160)
	want(t, "what came meanwhile", early, 140, 150, 160)
}

func TestWhatIsKeptIsReadAtOnce(t *testing.T) {
	t.Parallel()
	r := newTestRing(40, time.Hour)
	read := func(o changes.Options, most int) (all []changes.LSN, err error) {
		err = r.read(o.Want, o.From, func(tx *changes.Transaction) bool {
			all = append(all, tx.End)
			return len(all) < most
		})
		return all, err
	}
	if all, err := read(from(ofAll, 100), 9); all != nil || err != nil {
		t.Errorf("before there is a slot: %v, %v", all, err)
	}
	r.attach(now, 100, 1000, false)
	for end := changes.LSN(110); end <= 150; end += 10 {
		r.put([]*changes.Relation{notes, jobs}[end/10%2], end)
	}
	for _, tt := range []struct {
		from changes.Options
		most int
		want []changes.LSN
		gap  changes.Reason
	}{
		{from(ofAll, 110), 9, []changes.LSN{120, 130, 140, 150}, ""},
		{from(ofAll, 125), 2, []changes.LSN{130, 140}, ""},
		{from(ofNotes, 110), 9, []changes.LSN{120, 140}, ""},
		{from(ofAll, 150), 9, nil, ""},
		{from(ofAll, 900), 9, nil, ""},
		{from(ofAll, 109), 9, nil, changes.TooOld},
		{changes.Options{Want: ofAll.Want, From: changes.Position{LSN: 120}}, 9, nil, changes.NewEpoch},
	} {
		all, err := read(tt.from, tt.most)
		var gap *changes.Gap
		if errors.As(err, &gap) != (tt.gap != "") || gap != nil && (gap.Reason != tt.gap || gap.From.LSN != 110) || !slices.Equal(all, tt.want) {
			t.Errorf("from %s: %v, %v", tt.from.From, all, err)
		}
	}
	r.close()
	if _, err := read(from(ofAll, 110), 9); !errors.Is(err, changes.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestASlowReaderIsToldAndGoesOn(t *testing.T) {
	t.Parallel()
	r := newTestRing(30, time.Hour)
	r.attach(now, 100, 1000, false)
	limited := r.subscribe(changes.Options{Want: ofNotes.Want, Limit: 2})
	unlimited := r.subscribe(ofNotes)
	r.put(notes, 110)
	want(t, "at first", limited, 110)
	for end := changes.LSN(120); end <= 160; end += 10 {
		r.put(notes, end)
	}
	want(t, "over its limit", limited, changes.Lagged, 110, 140, 150, 160)
	want(t, "over the ring", unlimited, changes.Lagged, 0, 130, 140, 150, 160)
	r.put(notes, 170)
	want(t, "afterwards", limited, 170)

	idle := r.subscribe(ofNotes).(*subscription)
	for end := changes.LSN(200); end < 100_000; end++ {
		r.put(notes, end)
	}
	if n := cap(idle.queue); n > 100 {
		t.Errorf("a reader that never comes holds %d numbers of a ring of 3", n)
	}
	want(t, "other tables are no gap", r.subscribe(changes.Options{Want: changes.Want{Tables: []changes.Table{jobs.Table}}}))
}

func TestWhatTheSlotLostIsAGap(t *testing.T) {
	t.Parallel()
	r := newTestRing(100, time.Hour)
	r.attach(now, 100, 1000, true)
	s := r.subscribe(ofAll)
	r.put(notes, 110)
	if at := r.attach(now, 90, 1000, false); at != 110 {
		t.Errorf("reads on from %v, want what was received", at)
	}
	r.put(notes, 110) // sent again
	want(t, "reconnected", s, 110)
	r.attach(now, 200, 1000, true)
	want(t, "made anew", s, changes.SlotLost, 110, 200)
	r.put(notes, 210)
	r.attach(now, 300, 1000, false)
	want(t, "advanced by another", s, changes.SlotLost, 200, 300)
	other := changes.Epoch{System: 1, Timeline: 2}
	r.attach(other, 250, 1000, false)
	want(t, "promoted", s, changes.NewEpoch, 300, 250)
	r.advance(260)
	r.attach(other, 250, 255, false)
	want(t, "the log is shorter than it was", s, changes.NewEpoch, 250, 250)
	r.close()
	if _, err := s.Next(t.Context()); !errors.Is(err, changes.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := r.subscribe(ofAll).Next(t.Context()); !errors.Is(err, changes.ErrClosed) {
		t.Errorf("subscribed after the end: %v", err)
	}
}

func TestTheLogIsKeptForTheRingAndForDurableReaders(t *testing.T) {
	t.Parallel()
	r := newTestRing(30, time.Hour)
	check := func(what string, want changes.LSN) {
		t.Helper()
		if _, flush := r.safe(); flush != want {
			t.Errorf("%s: the log may go up to %v, want %v", what, flush, want)
		}
	}
	r.attach(now, 100, 1000, true)
	r.advance(105)
	check("it isn't known what consumers need", 100)
	r.need(now, 105, 102)
	check("the slowest consumer", 102)
	r.need(now, 105, 0)
	check("one that is about to begin", 102)
	r.need(now, 104, math.MaxUint64)
	check("one may have begun since", 104)
	r.need(changes.Epoch{System: 1, Timeline: 2}, 200, 200)
	check("what was asked in another epoch", 104)
	r.need(now, 5000, math.MaxUint64)
	check("nothing in the ring", 105)
	r.put(notes, 110)
	r.put(notes, 120)
	check("the oldest must be read again", 109)
	r.put(notes, 130)
	r.put(notes, 140)
	check("it has gone", 119)
	durable := r.subscribe(changes.Options{Want: ofNotes.Want, From: changes.Position{Epoch: now, LSN: 110}, Durable: true})
	check("a durable reader has done less", 110)
	durable.Done(changes.Position{Epoch: now, LSN: 115})
	check("it has done more", 115)
	r.put(notes, 1110)
	check("as much as is kept for it", 115)
	r.put(notes, 1120)
	check("more than is kept for it", 139)
	r.need(now, 5000, 120)
	check("as much as is kept for a consumer", 120)
	r.need(now, 5000, 119)
	check("more than is kept for a consumer", 139)
	durable.Close()
	r.maxAge = 0
	time.Sleep(time.Millisecond)
	check("too old", 1120)
}

func TestFreshIsWhatWasDealtWith(t *testing.T) {
	t.Parallel()
	r := newTestRing(1000, time.Hour)
	s := r.subscribe(ofNotes)
	at := func(n int) time.Time { return r.start.Add(time.Duration(n)) }
	check := func(what string, want time.Time) {
		t.Helper()
		if got := s.Fresh(); !got.Equal(want) {
			t.Errorf("%s: fresh at %d, want %d", what, got.Sub(r.start), want.Sub(r.start))
		}
	}
	check("nothing is proven", time.Time{})
	r.attach(now, 100, 1000, true)
	r.prove(at(1))
	check("there is a gap to read", time.Time{})
	if _, err := s.Next(t.Context()); err == nil {
		t.Fatal("no gap")
	}
	check("the gap is being dealt with", time.Time{})
	want(t, "nothing else", s)
	check("it was", at(1))
	r.prove(at(2))
	check("nothing to do", at(2))
	r.put(jobs, 105)
	r.prove(at(3))
	check("nothing of ours", at(3))
	r.put(notes, 110)
	r.prove(at(4))
	check("something is waiting", at(3))
	if _, err := s.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.put(notes, 120)
	check("it is being dealt with", at(3))
	if _, err := s.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("the first was, the second came after a proof", at(3))
	want(t, "nothing else", s)
	check("both were", at(4))
}

// Any number of readers, slow and quick ones, see what they want in order, or a gap.
func TestReadersBesideTheDecoder(t *testing.T) {
	t.Parallel()
	r := newTestRing(2000, time.Hour)
	r.attach(now, 1, 1<<40, true)
	const last = 20_000
	var readers sync.WaitGroup
	for i := range 8 {
		o := ofAll
		o.Limit = i % 3 * 50
		s := r.subscribe(o)
		readers.Go(func() {
			for seen := changes.LSN(1); seen < last; {
				tx, err := s.Next(context.Background())
				var gap *changes.Gap
				switch {
				case errors.As(err, &gap):
					if gap.After.LSN > seen || gap.From.LSN < seen {
						t.Errorf("a gap from %v to %v after %v", gap.After, gap.From, seen)
					}
					seen = gap.From.LSN
				case err != nil:
					t.Error(err)
					return
				case tx.End != seen+1:
					t.Errorf("%v after %v", tx.End, seen)
					return
				default:
					seen = tx.End
				}
				if i%2 == 0 && rand.IntN(100) == 0 {
					time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
				}
			}
			s.Close()
		})
	}
	for end := changes.LSN(2); end <= last; end++ {
		r.put(notes, end)
		r.safe()
	}
	readers.Wait()
	if len(r.subs) != 0 {
		t.Errorf("%d subscriptions are left", len(r.subs))
	}
}
