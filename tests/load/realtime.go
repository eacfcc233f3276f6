package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/proxy/token"
)

// The cases of realtime: what an idle connection costs in memory, what a message to
// many clients costs in CPU time, and how late clients hear of a change.
const (
	idleCase    = "idle"
	fanOutCase  = "fanout"
	changesCase = "changes"
)

const (
	// manyClients are connected in the first two cases.
	manyClients = 5000
	// fewClients are connected in the last, each a user.
	fewClients = 10
	// changesPerSecond are committed in the last.
	changesPerSecond = 100
	loadTopic        = "load"
)

// realtime runs those of its cases that are wanted.
func (b *bench) realtime(ctx context.Context, seconds, rounds int, wanted func(string) bool) error {
	if !slices.ContainsFunc([]string{idleCase, fanOutCase, changesCase, policiesCase, resumeCase}, wanted) {
		return nil
	}
	if err := b.exec(ctx, streamDatabase, `create table public.notes (
		id bigint generated always as identity primary key, owner_id uuid not null, body text not null);
		grant select on public.notes to authenticated;
		alter table public.notes enable row level security;
		create policy own on public.notes for select to authenticated using (owner_id = auth.uid());
		select realtime.enable('public.notes')`); err != nil {
		return err
	}
	server, base, err := b.process(ctx, "FLUXBASE_MODULES=realtime",
		"FLUXBASE_DATABASE_URL="+b.login(streamDatabase, "authenticator"),
		"FLUXBASE_REPLICATION_DATABASE_URL="+b.login(streamDatabase, "fluxbase_replication"),
		"FLUXBASE_REALTIME_INSTANCE=realtime", "FLUXBASE_REALTIME_MAX_CONNECTIONS="+strconv.Itoa(4*manyClients),
		"FLUXBASE_REALTIME_MAX_CONNECTIONS_PER_IP="+strconv.Itoa(4*manyClients),
		"FLUXBASE_SERVER_MAX_CONNECTIONS="+strconv.Itoa(4*manyClients), "FLUXBASE_SERVER_MAX_CONNECTIONS_PER_IP="+strconv.Itoa(4*manyClients))
	if err != nil {
		return err
	}
	defer stop(server)
	conn, err := pgx.Connect(ctx, b.db.URL(streamDatabase))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := walsenders(ctx, conn, 1); err != nil {
		return err
	}
	r := &realtimeBench{base: base, server: server, conn: conn}
	if r.anon, err = token.SignHS256([]byte(secret), map[string]any{"role": "anon", "exp": time.Now().Add(time.Hour).Unix()}); err != nil {
		return err
	}
	if wanted(changesCase) { // before the server has grown
		if err := r.changes(ctx, seconds*rounds); err != nil {
			return err
		}
	}
	if wanted(idleCase) || wanted(fanOutCase) {
		if err := r.crowds(ctx, seconds, wanted); err != nil {
			return err
		}
	}
	if wanted(policiesCase) {
		if err := r.policies(ctx); err != nil {
			return err
		}
	}
	if wanted(resumeCase) {
		return r.resume(ctx, b)
	}
	return nil
}

type realtimeBench struct {
	base, anon string
	server     *exec.Cmd
	conn       *pgx.Conn
}

// crowds measures memory and then messages with many clients.
func (r *realtimeBench) crowds(ctx context.Context, seconds int, wanted func(string) bool) error {
	c := &crowd{}
	defer c.close()
	// The first connections grow what all share.
	open := func(int) (*websocket.Conn, error) { return connect(r.base, r.anon, loadTopic, "{}") }
	if err := c.grow(ctx, 100, open); err != nil {
		return err
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer out.Flush()
	if wanted(fanOutCase) {
		fmt.Fprintln(out, "clients\tmessages at once\tdeliveries/s/core\tus/delivery\tuntil all have it, p50 ms\tp99 ms\t")
	}
	for _, n := range []int{1000, manyClients} {
		have, before := len(c.conns), rss(r.server.Process.Pid)
		fmt.Fprintf(os.Stderr, "connecting %d clients\n", n)
		if err := c.grow(ctx, n, open); err != nil {
			return err
		}
		if n == manyClients && wanted(idleCase) {
			after := rss(r.server.Process.Pid)
			defer fmt.Printf("%d idle clients\t%.1f KiB each\n", n, float64(after-before)/float64(n-have))
		}
		for _, atOnce := range []int{1, 10} {
			if !wanted(fanOutCase) {
				continue
			}
			fmt.Fprintf(os.Stderr, "%s, %d clients, %d messages at once\n", fanOutCase, n, atOnce)
			s, err := r.fanOut(ctx, c, atOnce, seconds)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "%d\t%d\t%.0f\t%.2f\t%.1f\t%.1f\t\n", n, atOnce, s.rps, 1e6/s.rps, s.p50, s.p99)
		}
	}
	return nil
}

// fanOut sends messages to all clients, and the next when each has got them. Its rate
// is in deliveries for a second of the server's CPU time.
func (r *realtimeBench) fanOut(ctx context.Context, c *crowd, atOnce, seconds int) (sample, error) {
	payload := `"` + strings.Repeat("x", 300) + `"`
	var took []time.Duration
	got, before := c.got.Load(), ticks([]int{r.server.Process.Pid})
	first := got
	for end := time.Now().Add(time.Duration(seconds) * time.Second); time.Now().Before(end); {
		begin := time.Now()
		if err := broadcast(ctx, r.base, r.anon, loadTopic, atOnce, payload); err != nil {
			return sample{}, err
		}
		got += int64(atOnce * len(c.conns))
		if err := c.await(ctx, got); err != nil {
			return sample{}, err
		}
		took = append(took, time.Since(begin))
	}
	used := float64(ticks([]int{r.server.Process.Pid})-before) / 100
	if used == 0 {
		return sample{}, errors.New("the time was too short to measure CPU time in")
	}
	s := percentiles(took)
	s.rps = float64(got-first) / used
	return s, nil
}

// changes measures the time from the beginning of an insert until its owner hears of it.
func (r *realtimeBench) changes(ctx context.Context, seconds int) error {
	n := seconds * changesPerSecond
	heard := make(chan time.Duration, n)
	begun := make([]time.Time, n)
	var mu sync.Mutex
	var reading sync.WaitGroup
	defer reading.Wait()
	for i := range fewClients {
		conn, err := r.user(i, "notes", "")
		if err != nil {
			return err
		}
		defer conn.Close()
		reading.Go(func() {
			hear(conn, func(i int, at time.Time) {
				mu.Lock()
				defer mu.Unlock()
				heard <- at.Sub(begun[i])
			})
		})
	}
	fmt.Fprintf(os.Stderr, "%s: %d of %d clients each\n", changesCase, n, fewClients)
	var wrote []time.Duration
	tick := time.NewTicker(time.Second / changesPerSecond)
	defer tick.Stop()
	for i := range n {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		mu.Lock()
		begun[i] = time.Now()
		mu.Unlock()
		if _, err := r.conn.Exec(ctx, `insert into public.notes (owner_id, body) values ($1, $2)`, owner(i%fewClients), strconv.Itoa(i)); err != nil {
			return err
		}
		wrote = append(wrote, time.Since(begun[i]))
	}
	var all []time.Duration
	for range n {
		select {
		case d := <-heard:
			all = append(all, d)
		case <-time.After(20 * time.Second):
			return fmt.Errorf("%d of %d changes were heard of", len(all), n)
		}
	}
	w, h := percentiles(wrote), percentiles(all)
	fmt.Printf("a change per owner under row level security: insert p50 %.2f ms, p99 %.2f ms; insert until heard of p50 %.2f ms, p99 %.2f ms\n",
		w.p50, w.p99, h.p50, h.p99)
	return nil
}

// user connects a user who listens to what is inserted into a table, with more of the
// config.
func (r *realtimeBench) user(i int, table, more string) (*websocket.Conn, error) {
	jwt, err := token.SignHS256([]byte(secret), map[string]any{
		"role": "authenticated", "sub": owner(i), "exp": time.Now().Add(time.Hour).Unix(),
	})
	if err != nil {
		return nil, err
	}
	return connect(r.base, jwt, table, `{"postgres_changes":[{"event":"INSERT","schema":"public","table":"`+table+`"}]`+more+`}`)
}

// hear calls back with the number in the body of each note that comes.
func hear(conn *websocket.Conn, call func(n int, at time.Time)) {
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		at := time.Now()
		var m []json.RawMessage
		var payload struct {
			Data struct{ Record struct{ Body string } }
		}
		if json.Unmarshal(data, &m) != nil || len(m) != 5 || string(m[3]) != `"postgres_changes"` || json.Unmarshal(m[4], &payload) != nil {
			continue
		}
		if n, err := strconv.Atoi(payload.Data.Record.Body); err == nil {
			call(n, at)
		}
	}
}

// owner is the id of a user.
func owner(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

func percentiles(took []time.Duration) sample {
	if len(took) == 0 {
		return sample{}
	}
	slices.Sort(took)
	at := func(p int) float64 { return took[min(len(took)*p/100, len(took)-1)].Seconds() * 1000 }
	return sample{p50: at(50), p99: at(99)}
}
