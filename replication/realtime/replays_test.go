package realtime

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// kept is a source that keeps some transactions, and counts how many were read.
type kept struct {
	changes.Source
	list  []*changes.Transaction
	floor changes.LSN

	mu   sync.Mutex
	read int
}

func (k *kept) Subscribe(changes.Options) changes.Subscription { return nil }

func (k *kept) Read(_ changes.Want, from changes.Position, take func(*changes.Transaction) bool) error {
	if from.LSN < k.floor {
		return &changes.Gap{Reason: changes.TooOld}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, tx := range k.list {
		if tx.End > from.LSN {
			k.read++
			if !take(tx) {
				break
			}
		}
	}
	return nil
}

// returns are a hub without a database whose ring has n transactions of three rows each.
func returns(t *testing.T, n int) (*Hub, *kept) {
	cfg, source := Config{}, &kept{}
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	relation := relationOf()
	for i := range n {
		tx := &changes.Transaction{Epoch: at(0, 0).Epoch, End: changes.LSN(10 * (i + 1)), Time: time.Unix(0, 0)}
		for j := range 3 {
			row := tupleOf(t, fmt.Sprintf("%d", 10*(i+1)+j), "a", nil)
			tx.Events = append(tx.Events, changes.Event{Op: changes.Insert, Relation: relation, New: row})
		}
		source.list = append(source.list, tx)
	}
	h := New(cfg, Deps{
		Source: source, Log: slog.New(slog.DiscardHandler), Reg: prometheus.NewRegistry(), Announced: func() bool { return true },
	})
	h.planner.texts[planKey{relation.OID, "anon"}] = []byte(`{"reads": [], "condition": {"text": "t"}, "columns": [
		{"name": "id", "type": "int4", "oid": 23, "granted": true, "form": "number"}]}`)
	return h, source
}

// busy is when no part can be begun.
var busy = make([]string, maxReplays)

// back is a channel that came back, of a client to whom nothing is written.
func (h *Hub) back(topic string) *channel {
	c := &client{hub: h, v: v2, channels: map[string]*channel{}, out: queue{
		limits: &limits{maxMessages: 1 << 20, maxBytes: 1 << 30, slowMessages: 1 << 20, slowBytes: 1 << 30}, wake: func() {},
	}}
	name := "t"
	ch := &channel{room: room{topic: topic}, client: c, wire: "realtime:" + topic}
	ch.bindings = []*binding{{bindingSpec: bindingSpec{ID: 1, Event: "INSERT", Schema: "public", Table: &name}, ch: ch}}
	ch.who.Store(&identity{})
	ch.who.Load().Role = "anon"
	ch.party.Store(&party{caller: caller{role: "anon"}})
	c.channels[ch.wire] = ch
	return ch
}

// ids are the keys of the rows that a client is told of.
func (ch *channel) ids() (list []string) {
	for _, f := range ch.client.out.frames {
		_, rest, _ := strings.Cut(string(f.data), `"record":{"id":`)
		id, _, _ := strings.Cut(rest, "}")
		list = append(list, id)
	}
	return list
}

// Wherever channels stand, each is told of all from there on, in order and once; and who
// waits together shares what is read, and the bytes.
func TestThoseWhoComeBackAreToldTogether(t *testing.T) {
	t.Parallel()
	const n, clients = 800, 30
	h, source := returns(t, n)
	type stand struct {
		ch        *channel
		since, to place
	}
	var stands []stand
	for i := range clients {
		s := stand{ch: h.back([]string{"a", "b"}[i%2])}
		s.since = at(changes.LSN(10*rand.IntN(200)), []int{0, 1, 2, whole}[rand.IntN(4)])
		if s.since.LSN == 0 {
			s.since.n = whole
		}
		s.to = at(changes.LSN(10*(n-rand.IntN(3))), whole)
		stands = append(stands, s)
	}
	// All are there before anything is read.
	h.replays.running = busy
	var telling sync.WaitGroup
	for _, s := range stands {
		telling.Go(func() {
			if gap := s.ch.client.readChanges(context.Background(), s.ch, s.since, s.to); gap != nil {
				t.Errorf("after %s: %v", s.since, gap)
			}
		})
	}
	until(t, "all wait", func() bool {
		h.replays.mu.Lock()
		defer h.replays.mu.Unlock()
		return len(h.replays.waiting) == clients
	})
	h.replays.mu.Lock()
	h.replays.running = nil
	h.replays.start()
	h.replays.mu.Unlock()
	telling.Wait()
	for _, s := range stands {
		var want []string
		for lsn := changes.LSN(10); lsn <= s.to.LSN; lsn += 10 {
			for j := range 3 {
				if at(lsn, j).isAfter(s.since) {
					want = append(want, strconv.Itoa(int(lsn)+j))
				}
			}
		}
		if got := s.ch.ids(); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("from %s to %s come %d changes instead of %d: %q", s.since, s.to, len(got), len(want), got)
		}
	}
	frames := map[*byte]struct{}{}
	for _, s := range stands {
		for _, f := range s.ch.client.out.frames {
			frames[&f.data[0]] = struct{}{}
		}
	}
	if len(frames) > 3*n*clients/2 {
		t.Errorf("%d messages are made of %d changes for %d clients of two topics", len(frames), 3*n, clients)
	}
	if alone := clients * n; source.read > alone/3 {
		t.Errorf("%d transactions are read, of %d that each alone would", source.read, alone)
	}
}

// What the ring has no more is a gap for who stands before it, and for nobody else.
func TestAGapIsForThoseBeforeIt(t *testing.T) {
	t.Parallel()
	h, source := returns(t, 20)
	source.floor = 100
	early, later := h.back("a"), h.back("a")
	h.replays.running = busy
	var telling sync.WaitGroup
	telling.Go(func() {
		if gap := early.client.readChanges(context.Background(), early, at(50, whole), at(200, whole)); gap == nil {
			t.Error("one before what is kept hears of no gap")
		}
	})
	telling.Go(func() {
		if gap := later.client.readChanges(context.Background(), later, at(150, whole), at(200, whole)); gap != nil {
			t.Error(gap)
		}
	})
	until(t, "both wait", func() bool {
		h.replays.mu.Lock()
		defer h.replays.mu.Unlock()
		return len(h.replays.waiting) == 2
	})
	h.replays.mu.Lock()
	h.replays.running = nil
	h.replays.start()
	h.replays.mu.Unlock()
	telling.Wait()
	if len(early.ids()) != 0 || len(later.ids()) != 15 {
		t.Errorf("they are told of %q and %q", early.ids(), later.ids())
	}
}

// One who goes while it waits keeps nobody.
func TestWhoGoesIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	h, _ := returns(t, 20)
	h.replays.running = busy
	ch := h.back("a")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if gap := ch.client.readChanges(ctx, ch, at(10, whole), at(200, whole)); gap != nil || len(h.replays.waiting) > 0 {
		t.Errorf("%v, and %d wait", gap, len(h.replays.waiting))
	}
}
