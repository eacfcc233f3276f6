package tests

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// watcher listens to all tables of public on behalf of somebody.
type watcher struct {
	*socket
	role, claims string
}

// watchTables joins a channel with the given postgres_changes.
func watchTables(t *testing.T, s *server, claims map[string]any, bindings string) *watcher {
	t.Helper()
	claims["exp"] = time.Now().Add(time.Hour).Unix()
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{openSocket(t, s), claims["role"].(string), string(text)}
	w.write(fmt.Sprintf(`["1","1","realtime:all","phx_join",{"access_token":%q,"config":{"postgres_changes":[%s]}}]`, signToken(t, claims), bindings))
	w.expect("phx_reply", `"ok"`)
	w.expect("system", "Subscribed")
	return w
}

// toldRow is a change as a client gets it.
type toldRow struct {
	Data struct {
		Schema, Table, Type string
		Record              struct{ ID int }
		Old                 struct{ ID int } `json:"old_record"`
	}
}

func (m toldRow) String() string {
	return fmt.Sprintf("%s %s %d", m.Data.Type, m.Data.Table, max(m.Data.Record.ID, m.Data.Old.ID))
}

// until collects what comes before a row of marks, and tells whether the watcher heard
// that a policy failed for it.
func (w *watcher) until(mark int) (list []string, failed bool) {
	w.t.Helper()
	for {
		event, payload := w.next()
		if event != "postgres_changes" {
			failed = true
			continue
		}
		var m toldRow
		if err := json.Unmarshal([]byte(payload), &m); err != nil {
			w.t.Fatalf("%s: %v", payload, err)
		}
		if m.Data.Table != "marks" {
			list = append(list, m.String())
		} else if m.Data.Record.ID == mark {
			return list, failed
		}
	}
}

const policySchema = `
	create table public.marks (id integer primary key);
	create table public.members (user_id uuid, room text, primary key (user_id, room));
	create table public.guarded (user_id uuid, room text);
	alter table public.guarded enable row level security;
	create policy own on public.guarded using (user_id = auth.uid());
	create function public.is_member(name text) returns boolean language plpgsql stable security definer as $$
	begin
	  return exists (select from public.members as m where m.room = name and m.user_id = auth.uid());
	end $$;
	-- Whether each can read a row; null for who gets an error.
	create function public.shows(name regclass, id integer, roles text[], claims text[]) returns boolean[] language plpgsql as $$
	declare
	  v_shown boolean;
	  v_all boolean[] := array[]::boolean[];
	begin
	  for i in 1..cardinality(roles) loop
	    begin
	      perform set_config('role', roles[i], true), set_config('request.jwt.claims', claims[i], true);
	      execute format('select exists (select from %s as t where t.id = $1)', name) into v_shown using id;
	    exception when others then
	      v_shown := null;
	    end;
	    perform set_config('role', 'none', true);
	    v_all := v_all || v_shown;
	  end loop;
	  return v_all;
	end $$;
	select realtime.enable('public.marks');
	insert into public.guarded select u.id, 'room ' || u.n % 3
	from unnest(array['00000000-0000-4000-8000-000000000000', '00000000-0000-4000-8000-000000000001']::uuid[]) with ordinality as u (id, n)`

// policyPool are conditions over the tables of the property test, of all tiers.
var policyPool = []string{
	`owner_id = (select auth.uid())`,
	`auth.uid()::text = owner_id::text`,
	`owner_id <> auth.uid() or owner_id is null`,
	`(current_setting('request.jwt.claims', true)::json ->> 'sub')::uuid = owner_id`,
	`org = (auth.jwt() ->> 'org')`,
	`org = ((select auth.jwt()) -> 'app' ->> 'org') or open`,
	`(auth.jwt() ->> 'level')::integer = level`,
	`open`, `not open`, `open is not true`, `level = 3`, `body = 'a' or body is null`, `true`, `false`,
	`auth.role() = 'authenticated'`,
	`(auth.jwt() ->> 'org') is not null and owner_id = auth.uid()`,
	`exists (select from public.members as m where m.room = %s.room and m.user_id = (select auth.uid()))`,
	`room in (select m.room from public.members as m where m.user_id = (select auth.uid()))`,
	`owner_id = auth.uid() or exists (select from public.members as m where m.room = %s.room and m.user_id = auth.uid())`,
	`not exists (select from public.members as m where m.room = %s.room and m.user_id = auth.uid())`,
	`public.is_member(room)`,
	`exists (select from public.guarded as g where g.room = %s.room)`,
	`current_user = 'authenticated'`,
	`at <= clock_timestamp()`,
	`level > 2`, `id %% 2 = 0`, `body like 'a%%' and org is not null`, `level in (1, 3)`,
}

// Each hears of exactly what the policies would show them in the table, whichever way
// it is found out. With -soak the policies change for as long.
func TestSubscribersHearWhatPoliciesShow(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	defer func() {
		if t.Failed() {
			t.Logf("the seed was %d", seed)
		}
	}()
	db := dbtest.New(t)
	exec(t, db, policySchema)
	tables := []string{"one", "two", "three", "four"}
	for _, name := range tables {
		exec(t, db, fmt.Sprintf(`create table public.%[1]s (id integer primary key, owner_id uuid, room text, org varchar(10),
			level integer, open boolean, body text, at timestamptz default now(), tags text[]);
			alter table public.%[1]s enable row level security; select realtime.enable('public.%[1]s', 'full')`, name))
	}
	s := startRealtime(t, db, "one", "FLUXBASE_REALTIME_POLICY_CHECK_ONE_IN=4")
	var watchers []*watcher
	for i := range 6 {
		claims := map[string]any{"role": "authenticated", "sub": fmt.Sprintf("00000000-0000-4000-8000-%012d", i%4), "level": i % 4}
		switch i {
		case 0, 1:
			claims["org"], claims["app"] = "org 1", map[string]any{"org": "org 2"}
		case 2:
			claims["level"] = "none" // which a policy can't read as a number
		case 3:
			claims["role"] = "anon"
		case 4:
			claims["sub"] = "nobody"
		}
		watchers = append(watchers, watchTables(t, s, claims, `{"event":"*","schema":"public"}`))
	}
	// Somebody who is asked for last tells that nobody was forgotten.
	watchers = append(watchers, watchTables(t, s, map[string]any{"role": "service_role"}, `{"event":"*","schema":"*"}`))

	p := &policyHistory{t: t, r: r, conn: db.Conn(t), watchers: watchers, tables: tables}
	decided := func(tier string) bool {
		return s.metric(t, "fluxbase_realtime_policy_decisions_total", map[string]string{"tier": tier}) > 0
	}
	everyTier := func() bool { return decided("0") && decided("1") && decided("2") }
	// Chance may leave out a tier for a while.
	for began := time.Now(); p.mark < 24 || time.Since(began) < *soak || p.mark < 240 && !everyTier(); {
		if p.mark%6 == 0 {
			p.policies()
		}
		p.round()
		if t.Failed() {
			return
		}
	}
	noServerErrors(t, s)
	for _, metric := range []string{"cache_hits", "cache_misses", "checks"} {
		if s.metric(t, "fluxbase_realtime_policy_"+metric+"_total", nil) == 0 {
			t.Errorf("there were no %s", metric)
		}
	}
	if n := s.metric(t, "fluxbase_realtime_policy_mismatches_total", nil); n > 0 {
		t.Errorf("%v decisions were wrong", n)
	}
	for _, tier := range []string{"0", "1", "2"} {
		if !decided(tier) {
			t.Errorf("nothing was decided by tier %s", tier)
		}
	}
}

// policyHistory writes to tables and compares what is heard with what can be read.
type policyHistory struct {
	t        *testing.T
	r        *rand.Rand
	conn     *pgx.Conn
	watchers []*watcher
	tables   []string
	mark, id int
	rows     []int // ids that are there, each in the table of its remainder
	now      []string
}

func (p *policyHistory) exec(sql string) {
	p.t.Helper()
	if _, err := p.conn.Exec(p.t.Context(), sql); err != nil {
		p.t.Fatalf("%s: %v", sql, err)
	}
}

// policies gives each table others.
func (p *policyHistory) policies() {
	p.now = nil
	for _, table := range p.tables {
		for name, form := range map[string]string{"a": "permissive", "b": "permissive", "c": "restrictive"} {
			p.exec(fmt.Sprintf(`drop policy if exists %s on public.%s`, name, table))
			if name != "a" && p.r.IntN(2) == 0 {
				continue
			}
			condition := strings.ReplaceAll(policyPool[p.r.IntN(len(policyPool))], "%s", "public."+table)
			condition = strings.ReplaceAll(condition, "public."+table+".room", table+".room")
			sql := fmt.Sprintf(`create policy %s on public.%s as %s for select using (%s)`, name, table, form, strings.ReplaceAll(condition, "%%", "%"))
			p.exec(sql)
			p.now = append(p.now, sql)
		}
	}
}

func (p *policyHistory) tableOf(id int) string { return p.tables[id%len(p.tables)] }

// pick draws a literal of SQL, sometimes null.
func (p *policyHistory) pick(form string, n int) string {
	if p.r.IntN(6) == 0 {
		return "null"
	}
	return fmt.Sprintf(form, p.r.IntN(n))
}

// round changes memberships, then rows, and waits until all have heard of it.
func (p *policyHistory) round() {
	p.t.Helper()
	user, room := fmt.Sprintf("00000000-0000-4000-8000-%012d", p.r.IntN(4)), fmt.Sprintf("room %d", p.r.IntN(3))
	switch p.r.IntN(4) {
	case 0:
		p.exec(fmt.Sprintf(`delete from public.members where room = '%s'`, room))
	case 1:
		p.exec(fmt.Sprintf(`update public.members set room = room || ' %d' where user_id = '%s'`, p.mark, user))
	default:
		p.exec(fmt.Sprintf(`insert into public.members values ('%s', '%s') on conflict do nothing`, user, room))
	}
	want, open := make([][]string, len(p.watchers)), make([][]string, len(p.watchers))
	for range 6 {
		kind := "INSERT"
		id := p.id
		switch n := p.r.IntN(4); {
		case n == 0 && len(p.rows) > 0:
			kind = "DELETE"
		case n == 1 && len(p.rows) > 0:
			kind = "UPDATE"
		default:
			p.id++
			p.rows = append(p.rows, id)
		}
		values := strings.Join([]string{
			p.pick("'00000000-0000-4000-8000-%012d'", 4), p.pick("'room %d'", 3), p.pick("'org %d'", 3), p.pick("%d", 5),
			p.pick("%d = 0", 2), p.pick("substr('ab', %d)", 3), "default", "'{a,b}'",
		}, ", ")
		if kind != "INSERT" {
			i := p.r.IntN(len(p.rows))
			if id = p.rows[i]; kind == "DELETE" {
				p.rows = slices.Delete(p.rows, i, i+1)
			}
		}
		table := p.tableOf(id)
		switch kind {
		case "INSERT":
			p.exec(fmt.Sprintf(`insert into public.%s values (%d, %s)`, table, id, values))
		case "UPDATE":
			p.exec(fmt.Sprintf(`update public.%s set (owner_id, room, org, level, open, body, at, tags) = row(%s) where id = %d`, table, values, id))
		}
		for i, shown := range p.shows(table, id) {
			line := fmt.Sprintf("%s %s %d", kind, table, id)
			if shown == nil {
				open[i] = append(open[i], line)
			} else if *shown {
				want[i] = append(want[i], line)
			}
		}
		if kind == "DELETE" {
			p.exec(fmt.Sprintf(`delete from public.%s where id = %d`, table, id))
		}
	}
	p.mark++
	p.exec(fmt.Sprintf(`insert into public.marks values (%d)`, p.mark))
	for i, w := range p.watchers {
		got, failed := w.until(p.mark)
		// Whether a policy raises for somebody hangs on the order in which Postgres
		// evaluates it.
		got = slices.DeleteFunc(got, func(line string) bool { return slices.Contains(open[i], line) })
		// Somebody may be told of that after the mark.
		if failed || strings.Contains(w.claims, `"nobody"`) || strings.Contains(w.claims, `"none"`) {
			want[i] = slices.DeleteFunc(want[i], func(line string) bool { return !slices.Contains(got, line) })
		}
		if !slices.Equal(got, want[i]) {
			p.t.Errorf("%s with %s heard\n%s\nbut could see\n%s\nwith\n%s", w.role, w.claims,
				strings.Join(got, "\n"), strings.Join(want[i], "\n"), strings.Join(p.now, "\n"))
		}
	}
}

// shows tells which watchers can read a row.
func (p *policyHistory) shows(table string, id int) (list []*bool) {
	p.t.Helper()
	var roles, claims []string
	for _, w := range p.watchers {
		roles, claims = append(roles, w.role), append(claims, w.claims)
	}
	err := p.conn.QueryRow(p.t.Context(), `select public.shows($1::text::regclass, $2, $3, $4)`, table, id, roles, claims).Scan(&list)
	if err != nil {
		p.t.Fatal(err)
	}
	return list
}
