package realtime

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// figures are one line of what the page shows. Rates and percentiles it makes itself,
// of two lines.
type figures struct {
	// At is the time in milliseconds since 1970.
	At int64 `json:"at"`
	// Process tells apart those behind one balancer.
	Process string       `json:"process"`
	Stream  streamFigure `json:"stream"`
	Metrics []family     `json:"metrics"`
	// Rooms counts the channels that anybody has joined; Channels are the fullest.
	Rooms    int          `json:"rooms"`
	Channels []roomFigure `json:"channels"`
	Slots    *slotFigures `json:"slots,omitempty"`
}

type streamFigure struct {
	Phase string `json:"phase"`
	Error string `json:"error,omitempty"`
}

// family is a metric as /metrics has it.
type family struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"` // COUNTER, GAUGE or HISTOGRAM
	Help   string   `json:"help"`
	Series []series `json:"series"`
}

// series has a value, or as a histogram a count, a sum and buckets: upper bounds with
// how many values are not above.
type series struct {
	Labels  map[string]string `json:"labels,omitempty"`
	Value   float64           `json:"value"`
	Count   uint64            `json:"count,omitempty"`
	Sum     float64           `json:"sum,omitempty"`
	Buckets [][2]float64      `json:"buckets,omitempty"`
}

type roomFigure struct {
	Topic       string `json:"topic"`
	Private     bool   `json:"private"`
	Subscribers int    `json:"subscribers"`
	// Bindings are the subscriptions to changes of tables of them all.
	Bindings int `json:"bindings"`
}

// slotFigures are the rows of realtime.slot_health(), or why they are not known.
type slotFigures struct {
	Rows  json.RawMessage `json:"rows,omitempty"`
	Error string          `json:"error,omitempty"`
}

// shown are the beginnings of the names of the metrics that the page shows.
var shown = []string{
	"fluxbase_realtime_", "fluxbase_changes_", "fluxbase_bus_",
	"process_resident_memory_bytes", "process_cpu_seconds_total", "go_goroutines",
}

// figures makes a line, of the same metrics that are scraped.
func (h *Hub) figures() []byte {
	st := h.Source.State()
	f := figures{At: time.Now().UnixMilli(), Process: h.Name, Stream: streamFigure{Phase: string(st.Phase)}, Slots: h.slots.Load()}
	if st.Err != nil {
		f.Stream.Error = st.Err.Error()
	}
	families, err := h.Metrics.Gather()
	if err != nil {
		h.Log.Warn("some metrics can't be shown", "error", err)
	}
	for _, from := range families {
		if !slices.ContainsFunc(shown, func(prefix string) bool { return strings.HasPrefix(from.GetName(), prefix) }) {
			continue
		}
		to := family{Name: from.GetName(), Type: from.GetType().String(), Help: from.GetHelp()}
		for _, m := range from.GetMetric() {
			s := series{Value: m.GetCounter().GetValue() + m.GetGauge().GetValue()} // one of them is nil, which is 0
			for _, l := range m.GetLabel() {
				if s.Labels == nil {
					s.Labels = map[string]string{}
				}
				s.Labels[l.GetName()] = l.GetValue()
			}
			if g := m.GetHistogram(); g != nil {
				s.Count, s.Sum = g.GetSampleCount(), g.GetSampleSum()
				for _, b := range g.GetBucket() {
					s.Buckets = append(s.Buckets, [2]float64{b.GetUpperBound(), float64(b.GetCumulativeCount())})
				}
			}
			to.Series = append(to.Series, s)
		}
		f.Metrics = append(f.Metrics, to)
	}
	f.Rooms, f.Channels = h.fullest(maxRooms)
	line, err := json.Marshal(f)
	if err != nil {
		h.Log.Error("the figures can't be written", "error", err) // a metric that is not a number
	}
	return append(line, '\n')
}

// maxRooms bounds a line.
const maxRooms = 100

// fullest counts the channels that anybody has joined and returns the n with the most
// subscribers; of equals, those whose topics come first.
func (h *Hub) fullest(n int) (total int, top []roomFigure) {
	top = make([]roomFigure, 0, n+1)
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.RLock()
		total += len(s.rooms)
		for r, members := range s.rooms {
			f := roomFigure{Topic: r.topic, Private: r.private, Subscribers: len(members)}
			at, _ := slices.BinarySearchFunc(top, f, fuller)
			if at == n {
				continue
			}
			for ch := range members {
				f.Bindings += len(ch.bindings)
			}
			top = slices.Insert(top, at, f)
			top = top[:min(len(top), n)]
		}
		s.mu.RUnlock()
	}
	return total, top
}

func fuller(a, b roomFigure) int {
	order := cmp.Or(cmp.Compare(b.Subscribers, a.Subscribers), strings.Compare(a.Topic, b.Topic))
	if order == 0 && a.Private != b.Private {
		order = 1
		if b.Private {
			order = -1
		}
	}
	return order
}

const (
	slotsInterval = 10 * time.Second
	slotsTimeout  = 5 * time.Second
)

// slotsSQL is an array of all slots of this database.
const slotsSQL = `select coalesce(jsonb_agg(s), '[]') from realtime.slot_health() as s`

// keepSlots asks the database for the slots, now and again, until ctx ends.
func (h *Hub) keepSlots(ctx context.Context) {
	tick := time.NewTicker(slotsInterval)
	defer tick.Stop()
	for {
		got := h.askSlots(ctx)
		if ctx.Err() != nil {
			return
		}
		h.slots.Store(got)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (h *Hub) askSlots(ctx context.Context) *slotFigures {
	ctx, cancel := context.WithTimeout(ctx, slotsTimeout)
	defer cancel()
	res, err := h.Emit.Do(ctx, &pg.Tx{Mode: pg.ReadOnly, Main: pg.Statement{SQL: slotsSQL}})
	if err != nil {
		return &slotFigures{Error: err.Error()}
	}
	defer res.Free()
	return &slotFigures{Rows: json.RawMessage(string(res.Values[0]))}
}
