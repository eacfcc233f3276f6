package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/gorilla/websocket"
)

// policiesCase is what it costs to find those who may see a change, among many.
const policiesCase = "policies"

const (
	// users listen, each with claims of their own, to rows of their own and of a room
	// that nobody else is in; there are as many users and rooms again of whom nobody
	// listens (policiesSchema).
	users = 10_000
	// changedRows are inserted, some in each transaction.
	changedRows, rowsAtOnce = 40_000, 100
)

const policiesSchema = `
	create table public.members (room integer primary key, user_id uuid not null);
	insert into public.members select i, ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid
	from generate_series(0, 19999) as i;
	create table public.posts (id bigint generated always as identity primary key, room integer not null, body text not null);
	grant select on public.members, public.posts to authenticated;
	alter table public.posts enable row level security;
	create policy member on public.posts for select to authenticated
	using (exists (select from public.members as m where m.room = posts.room and m.user_id = (select auth.uid())));
	select realtime.enable('public.posts')`

// policies measures the server's CPU time for a change that one of the users may see,
// its delivery included, and for one that none of them may.
func (r *realtimeBench) policies(ctx context.Context) error {
	if _, err := r.conn.Exec(ctx, policiesSchema); err != nil {
		return err
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer out.Flush()
	fmt.Fprintln(out, "users\tpolicy\treaders of a change\tchanges/s/core\tus/change\t")
	for _, c := range []struct{ table, policy, insert, churn string }{
		{"notes", "own row", `insert into public.notes (owner_id, body) select ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, 'a note'`, ""},
		{"posts", "member of a room, 1 % churn", `insert into public.posts (room, body) select i, 'a post'`, `update public.members set user_id = user_id where room = $1`},
	} {
		fmt.Fprintf(os.Stderr, "%s: connecting %d users to %s\n", policiesCase, users, c.table)
		clients := &crowd{}
		err := clients.grow(ctx, users, func(i int) (*websocket.Conn, error) { return r.user(i, c.table, "") })
		for readers := 1; readers >= 0 && err == nil; readers-- {
			var us float64
			us, err = r.policy(ctx, clients, c.insert, c.churn, readers)
			fmt.Fprintf(out, "%d\t%s\t%d\t%.0f\t%.1f\t\n", users, c.policy, readers, 1e6/us, us)
		}
		clients.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// policy inserts rows twice, since what is asked first is remembered, and returns the
// CPU time for each of the second time in microseconds.
func (r *realtimeBench) policy(ctx context.Context, c *crowd, insert, churn string, readers int) (us float64, err error) {
	first := (1 - readers) * users
	rows := fmt.Sprintf(` from (select %d + (n * 7919) %% %d as i from generate_series($1::bigint, $2::bigint) as n) as rows`, first, users)
	for range 2 {
		if err := c.await(ctx, users); err != nil { // told that they are subscribed
			return 0, err
		}
		got, before := c.got.Load(), ticks([]int{r.server.Process.Pid})
		for n := 0; n < changedRows; n += rowsAtOnce {
			if churn != "" {
				if _, err := r.conn.Exec(ctx, churn, first+n*7919%users); err != nil {
					return 0, err
				}
			}
			if _, err := r.conn.Exec(ctx, insert+rows, n, n+rowsAtOnce-1); err != nil {
				return 0, err
			}
		}
		// Whom this last one reaches has been told of all before it.
		if _, err := r.conn.Exec(ctx, insert+` from (select 0 as i) as one`); err != nil {
			return 0, err
		}
		if err := c.await(ctx, got+int64(readers*changedRows)+1); err != nil {
			return 0, err
		}
		us = float64(ticks([]int{r.server.Process.Pid})-before) * 1e4 / changedRows
	}
	if us == 0 {
		return 0, errors.New("the time was too short to measure CPU time in")
	}
	return us, nil
}
