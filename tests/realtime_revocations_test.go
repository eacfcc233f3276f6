package tests

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// Whoever's membership was revoked hears nothing that is committed after that, however
// many are revoked at once and whatever is remembered. With -soak there are more.
func TestRevokedMembersHearNothingMore(t *testing.T) {
	t.Parallel()
	rounds := 40
	if *soak > 0 {
		rounds = 750
	}
	const people = 8
	db := dbtest.New(t)
	exec(t, db, `
		create table public.members (user_id uuid, room integer, primary key (user_id, room));
		create table public.posts (id integer primary key, room integer, of_user integer, is_member boolean);
		create table public.marks (id integer primary key);
		alter table public.posts enable row level security;
		create policy member on public.posts for select
		using (exists (select from public.members as m where m.room = posts.room and m.user_id = (select auth.uid())));
		select realtime.enable('public.posts'), realtime.enable('public.marks')`)
	s := startRealtime(t, db, "one")
	var watchers []*watcher
	var conns []*pgx.Conn
	for i := range people {
		claims := map[string]any{"role": "authenticated", "sub": fmt.Sprintf("00000000-0000-4000-8000-%012d", i)}
		watchers = append(watchers, watchTables(t, s, claims, `{"event":"*","schema":"public"}`))
		conns = append(conns, db.Conn(t))
	}
	// Each round all become members, hear of it, and are thrown out at once.
	for round := range rounds {
		exec(t, db, fmt.Sprintf(`
			insert into public.members select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, %[1]d from generate_series(0, %[2]d) as n;
			insert into public.posts values (%[3]d, %[1]d, -1, true);
			insert into public.marks values (%[4]d)`, round%3, people-1, round*1000, 2*round))
		for i, w := range watchers {
			if !w.heardOfMembership(t, 2*round, i) {
				t.Errorf("round %d: %d did not hear of what a member may see", round, i)
			}
		}
		var revoking sync.WaitGroup
		for i, conn := range conns {
			revoking.Go(func() {
				if _, err := conn.Exec(t.Context(), `delete from public.members where user_id = $1`, fmt.Sprintf("00000000-0000-4000-8000-%012d", i)); err != nil {
					t.Error(err)
				}
				if _, err := conn.Exec(t.Context(), `insert into public.posts values ($1, $2, $3, false)`, round*1000+1+i, round%3, i); err != nil {
					t.Error(err)
				}
			})
		}
		revoking.Wait()
		exec(t, db, fmt.Sprintf(`insert into public.marks values (%d)`, 2*round+1))
		for i, w := range watchers {
			w.heardOfMembership(t, 2*round+1, i)
		}
		if t.Failed() {
			return
		}
	}
	if s.metric(t, "fluxbase_realtime_policy_decisions_total", map[string]string{"tier": "1"}) == 0 {
		t.Error("nothing was remembered")
	}
}

// heardOfMembership reads up to a mark, and tells whether what was written before the
// revocations came. A post of after one's own is a failure.
func (w *watcher) heardOfMembership(t *testing.T, mark, user int) (heard bool) {
	t.Helper()
	for {
		event, payload := w.next()
		if event != "postgres_changes" {
			continue
		}
		var m struct {
			Data struct {
				Table  string
				Record struct {
					ID       int
					OfUser   int  `json:"of_user"`
					IsMember bool `json:"is_member"`
				}
			}
		}
		if err := json.Unmarshal([]byte(payload), &m); err != nil {
			t.Fatalf("%s: %v", payload, err)
		}
		switch r := m.Data.Record; {
		case m.Data.Table == "marks" && r.ID == mark:
			return heard
		case m.Data.Table != "posts":
		case r.IsMember:
			heard = true
		case r.OfUser == user:
			t.Errorf("%d heard of a post that was written after the end of its membership: %s", user, payload)
		}
	}
}

func TestOtherRowsThatMayBeSeenAreAnnounced(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `
		create table public.members (user_id uuid, room integer, primary key (user_id, room));
		create table public.posts (id integer primary key, room integer);
		create table public.marks (id integer primary key);
		alter table public.posts enable row level security;
		create policy member on public.posts for select
		using (room in (select m.room from public.members as m where m.user_id = (select auth.uid())));
		select realtime.enable('public.posts'), realtime.enable('public.marks')`)
	s := startRealtime(t, db, "one")
	watch := func(n int) *watcher {
		claims := map[string]any{"role": "authenticated", "sub": fmt.Sprintf("00000000-0000-4000-8000-%012d", n)}
		return watchTables(t, s, claims, `{"event":"*","schema":"public","table":"posts"},{"event":"*","schema":"public","table":"marks"}`)
	}
	one, two := watch(1), watch(2)
	mark := 0
	// Policies are known from the first change of their table on.
	both := func(sql string, want ...bool) {
		t.Helper()
		exec(t, db, sql)
		// What is announced comes after the changes that were received with it, and so before
		// a change that was made when those were heard of.
		var heard [2]bool
		for range 2 {
			mark++
			exec(t, db, fmt.Sprintf(`insert into public.marks values (%d)`, mark))
			for i, w := range []*watcher{one, two} {
				for {
					event, payload := w.next()
					if event == "system" && strings.Contains(payload, `"visibility_changed"`) && strings.Contains(payload, `"table":"posts"`) {
						heard[i] = true
					}
					if strings.Contains(payload, fmt.Sprintf(`{"id":%d}`, mark)) && strings.Contains(payload, `"marks"`) {
						break
					}
				}
			}
		}
		for i := range heard {
			if heard[i] != want[i] {
				t.Errorf("%s: user %d heard of it: %t, want %t", sql, i+1, heard[i], want[i])
			}
		}
	}
	both(`insert into public.posts values (1, 1)`, false, false)
	both(`insert into public.posts values (2, 1)`, false, false)
	both(`insert into public.members values ('00000000-0000-4000-8000-000000000001', 1)`, true, false)
	both(`update public.members set user_id = '00000000-0000-4000-8000-000000000002'`, true, true)
	both(`delete from public.members`, false, true)
	both(`create policy open on public.posts for select using (room = 2)`, true, true)
	both(`create index on public.posts (room)`, false, false)
}
