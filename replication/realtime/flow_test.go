package realtime

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

func at(lsn changes.LSN, n int) place {
	return place{changes.Position{Epoch: changes.Epoch{System: 7, Timeline: 1}, LSN: lsn}, n}
}

func text(s string) frame { return frame{data: []byte(s)} }

func TestPlacesAreReadAsWritten(t *testing.T) {
	t.Parallel()
	for _, p := range []place{at(1, 0), at(0x16_b374d848, 3), at(1<<63, whole)} {
		if got, err := parsePlace(p.String()); err != nil || got != p {
			t.Errorf("%s became %+v, %v", p, got, err)
		}
	}
	for _, bad := range []string{"", "7", "7/1/0/0", "7/1/0/1/", "7/1/0/1/-1", "7/1/0/1/x", "7/1/0/1/2/3", "7/1/0/G", "now"} {
		if got, err := parsePlace(bad); err == nil {
			t.Errorf("%q became %+v", bad, got)
		}
	}
}

func TestPlacesAreOrdered(t *testing.T) {
	t.Parallel()
	order := []place{{}, at(1, 0), at(1, 1), at(1, whole), at(2, 0), {changes.Position{Epoch: changes.Epoch{System: 7, Timeline: 2}, LSN: 1}, 0}}
	for i, p := range order {
		for j, q := range order {
			if i > j != p.isAfter(q) && p.Epoch == q.Epoch {
				t.Errorf("%s is after %s: %v", p, q, p.isAfter(q))
			}
		}
	}
	if !order[5].isAfter(order[4]) || order[5].isAhead(order[4]) {
		t.Error("another epoch is new, and not ahead")
	}
}

// queueing is a client to whom nothing is written.
func queueing() *client {
	h := &Hub{Deps: Deps{Reg: prometheus.NewRegistry()}}
	h.metrics = newMetrics(h)
	return &client{hub: h, channels: map[string]*channel{}, out: queue{
		limits: &limits{maxMessages: 20, maxBytes: 1000, slowMessages: 20, slowBytes: 1000, slowTimeout: time.Hour}, wake: func() {},
	}}
}

func (c *client) queued() (text string) {
	for _, f := range c.out.frames {
		text += string(f.data)
	}
	return text
}

// Who was warned of one change by another process may have read the table before the
// next that could not be decided either, and so has to be warned of that.
func TestAWarningFromElsewhereIsNotTheLast(t *testing.T) {
	t.Parallel()
	c, relation := queueing(), relationOf()
	back, here := &channel{client: c, wire: "back"}, &channel{client: c, wire: "here"}
	c.channels["back"], c.channels["here"] = back, here
	back.changes.after = at(5, 0)
	b := newBatch((*channel).putChange)
	for lsn := range changes.LSN(3) {
		change := &change{tx: &changes.Transaction{Epoch: at(0, 0).Epoch, End: 5 + lsn}, relation: relation, live: true}
		b.changes = append(b.changes, change)
		b.unsure[change] = []*channel{back, here}
	}
	b.deliverAll()
	var got []string
	for _, f := range c.out.frames {
		position := regexp.MustCompile(`"position":"([^"]*)"`).FindSubmatch(f.data)
		got = append(got, string(position[1]))
	}
	if want := []string{at(5, 0).String(), at(6, 0).String()}; !slices.Equal(got, want) {
		t.Errorf("warned at %q, want %q: one each, of what it does not know", got, want)
	}
}

// What comes while a channel is told of earlier changes waits, and none is told twice.
func TestWhatComesMeanwhileWaits(t *testing.T) {
	t.Parallel()
	c := queueing()
	reader := &cursor{at: at(5, whole)}
	f := &flow{state: lost}
	f.put(c, []waiting{{text("dropped"), at(5, 0)}})
	if to := f.hold(reader, at(3, 1)); to != at(5, whole) {
		t.Fatalf("the ring is to be read up to %s", to)
	}
	f.put(c, []waiting{{text("too early "), at(5, 1)}}) // the reader was not done with it
	f.put(c, []waiting{{text("6 "), at(6, 0)}})
	if n := f.tell(c, []waiting{{text("4 "), at(4, 0)}, {text("5 "), at(5, 1)}}); n != 2 {
		t.Errorf("%d of 2 were told", n)
	}
	if f.stands(at(6, whole)) {
		t.Error("it stands while something waits")
	}
	if !f.release(c) {
		t.Fatal("too much came")
	}
	f.put(c, []waiting{{text("7"), at(7, 0)}})
	if !f.stands(at(7, whole)) || f.stands(at(6, whole)) {
		t.Error("it stands where it was told last, and not before")
	}
	if got := c.queued(); got != "4 5 6 7" {
		t.Errorf("the client got %q", got)
	}

	// More than may wait is read from the ring, after what was read before.
	reader.reach(at(8, whole))
	f.hold(reader, f.last)
	for i := range 20 {
		f.put(c, []waiting{{text("x"), at(changes.LSN(9+i), 0)}})
	}
	if f.release(c) {
		t.Error("nothing was too much")
	}
	reader.reach(at(30, whole))
	if to := f.hold(reader, at(8, whole)); to != at(30, whole) || !f.release(c) {
		t.Errorf("it went on at %s", to)
	}

	// A place that another process gave out lies ahead of this one.
	if to := f.hold(reader, at(40, 2)); to != at(40, 2) {
		t.Errorf("it went on at %s", to)
	}
}
