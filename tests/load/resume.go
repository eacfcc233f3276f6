package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/gorilla/websocket"
)

// resumeCase is what it costs when all clients come back at once, as after a crash.
const resumeCase = "resume"

const (
	// returning clients, each with claims of their own, have missed as many changes.
	returning, missed = 200, 2000
)

const resumeSchema = `
	create table public.open_tails (id integer primary key, body text not null);
	create table public.shared_tails (id integer primary key, body text not null);
	create table public.opaque_tails (id integer primary key, body text not null);
	grant select on public.open_tails, public.shared_tails, public.opaque_tails to authenticated;
	create table public.readers (user_id uuid primary key);
	insert into public.readers select ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid from generate_series(0, 999) as i;
	create function public.may_read() returns boolean language plpgsql stable security definer set search_path = pg_catalog as
	'begin return exists (select from public.readers as r where r.user_id = auth.uid()); end';
	alter table public.shared_tails enable row level security;
	alter table public.opaque_tails enable row level security;
	create policy readers on public.shared_tails for select to authenticated
	using (exists (select from public.readers as r where r.user_id = (select auth.uid())));
	create policy readers on public.opaque_tails for select to authenticated using ((select public.may_read()));
	grant select on public.readers to authenticated;
	select realtime.enable('public.open_tails'), realtime.enable('public.shared_tails'), realtime.enable('public.opaque_tails')`

// resume has clients come back after what they missed, and measures how long it takes
// until all have it, and the CPU time for each change that is told one of them.
func (r *realtimeBench) resume(ctx context.Context, b *bench) error {
	if _, err := r.conn.Exec(ctx, resumeSchema); err != nil {
		return err
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer out.Flush()
	fmt.Fprintln(out, "clients back\tchanges missed\tpolicy\tuntil all have them, s\tserver us/delivery\tdatabase us/delivery\tload average\t")
	for _, c := range []struct{ table, policy string }{
		{"open_tails", "none"}, {"shared_tails", "reads a table"}, {"opaque_tails", "a function"},
	} {
		fmt.Fprintf(os.Stderr, "%s: %s\n", resumeCase, c.table)
		position, err := r.position(ctx, c.table)
		if err != nil {
			return err
		}
		for n := 1; n <= missed; n += rowsAtOnce {
			if _, err := r.conn.Exec(ctx, `insert into public.`+c.table+` select i, repeat('x', 200) from generate_series($1::integer, $2::integer) as i`,
				n, n+rowsAtOnce-1); err != nil {
				return err
			}
		}
		clients := &crowd{}
		server, database, begun := ticks([]int{r.server.Process.Pid}), b.databaseTicks(), time.Now()
		err = clients.grow(ctx, returning, func(i int) (*websocket.Conn, error) {
			return r.user(i, c.table, `,"postgres_changes_options":{"since":"`+position+`"}`)
		})
		if err == nil { // and the word that they are subscribed
			err = clients.await(ctx, returning*(missed+1))
		}
		took := time.Since(begun)
		each := 1e4 / float64(returning*missed)
		fmt.Fprintf(out, "%d\t%d\t%s\t%.2f\t%.2f\t%.2f\t%s\t\n", returning, missed, c.policy, took.Seconds(),
			float64(ticks([]int{r.server.Process.Pid})-server)*each, float64(b.databaseTicks()-database)*each, loadAverage())
		clients.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// position is where in the stream a client of a table stands.
func (r *realtimeBench) position(ctx context.Context, table string) (string, error) {
	conn, err := r.user(0, table, "")
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := r.conn.Exec(ctx, `insert into public.`+table+` values (0, '')`); err != nil {
		return "", err
	}
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return "", err
		}
		var m []json.RawMessage
		var payload struct{ Position string }
		if bytes.Contains(data, []byte(`"position"`)) && json.Unmarshal(data, &m) == nil && len(m) == 5 && json.Unmarshal(m[4], &payload) == nil {
			if payload.Position == "" {
				return "", errors.New("a change has no position: " + strconv.Quote(string(data)))
			}
			return payload.Position, nil
		}
	}
}
