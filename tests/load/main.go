// Command load measures the server beside the database alone: for each case wrk
// loads `fluxbase serve` over HTTP and pgbench runs the same transaction, and it
// prints the ratio of the two; then what pages cost by cursor and by offset, a batch
// beside single requests, an idempotency key and a rate limit beside none, what
// streaming changes costs those who write, how soon a changed schema is served, what
// sign-ins cost and what others feel of them, and what realtime costs. Rows in bulk are measured beside psql's \copy. All use loopback
// and end by themselves; two sides alternate within one run.
//
//	go run ./tests/load              all cases
//	go run ./tests/load -seconds 20 -rounds 5 row list
//	go run ./tests/load -rows 200000 export import
//	go run ./tests/load pages
//	go run ./tests/load auth
//	go run ./tests/load idle fanout changes resume
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/cluster"
)

//go:embed schema.sql
var schema string

//go:embed wrk.lua
var script string

// become is what every request sends before its statement; pgbench sends it too,
// between BEGIN and COMMIT, all in one pipeline.
const become = `select set_config('search_path', '"api", "public"', true), set_config('role', 'load_user', true),` +
	` set_config('request.jwt.claims', '{"role":"load_user","tenant":1}', true), set_config('request.method', 'GET', true),` +
	` set_config('request.path', '/rest/v1/items', true), set_config('request.headers', '{"host":"127.0.0.1"}', true),` +
	` set_config('request.cookies', '{}', true);`

type loadCase struct {
	name, begin, sql string
}

var cases = []loadCase{
	{"row", "begin read only;", `select coalesce(json_agg(t), '[]')::text from (select * from api.items where id = :n) as t;`},
	{"policy", "begin read only;", `select coalesce(json_agg(t), '[]')::text from (select * from api.items_of_tenants where id = :n) as t;`},
	{"list", "begin read only;", `select coalesce(json_agg(t), '[]')::text from (select * from api.items where id > :n order by id limit 100) as t;`},
	{"embed", "begin read only;", `select coalesce(json_agg(t), '[]')::text from (select i.*,` +
		` (select row_to_json(c) from api.categories as c where c.id = i.category_id) as categories,` +
		` (select json_agg(r) from api.reviews as r where r.item_id = i.id) as reviews from api.items as i where i.id = :n) as t;`},
	{"insert", "begin;", `insert into api.written (name, price, tags, meta)` +
		` select 'item ' || r, r + 0.5, array['red', 'bulk'], jsonb_build_object('weight', r) from (select :n::integer as r) as t;`},
	{"bulk", "begin;", `insert into api.written (name, price, tags, meta) select r.name, r.price, r.tags, r.meta from api.body as b,` +
		` json_to_recordset(b.rows) as r(name text, price numeric, tags text[], meta jsonb);`},
	{"rpc", "begin read only;", `select to_json(api.price_of(:n));`},
}

// sample is one measurement. CPU time is in microseconds for each request.
type sample struct{ rps, p50, p99, server, database float64 }

func main() {
	seconds := flag.Int("seconds", 8, "length of one measurement")
	rounds := flag.Int("rounds", 3, "measurements of each side; the median counts")
	conns := flag.Int("conns", 32, "HTTP connections")
	pool := flag.Int("pool", 10, "database connections, of the server and of pgbench")
	rows := flag.Int("rows", 1_000_000, "rows of an export and an import")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *seconds, *rounds, *conns, *pool, *rows, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, seconds, rounds, conns, pool, rows int, names []string) error {
	for _, name := range names {
		if !slices.Contains(caseNames(), name) {
			return fmt.Errorf("there is no case %q: name some of %s", name, strings.Join(caseNames(), ", "))
		}
	}
	wanted := func(name string) bool { return len(names) == 0 || slices.Contains(names, name) }
	dir, err := os.MkdirTemp("", "fluxbase-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b, err := start(ctx, dir, pool)
	if err != nil {
		return err
	}
	defer b.stop()

	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	if slices.ContainsFunc(cases, func(c loadCase) bool { return wanted(c.name) }) {
		fmt.Fprintln(out, "case\tserver req/s\tp50 ms\tp99 ms\tpgbench tx/s\tratio\tp99/p50\tserver us\tits db us\tpgbench's db us\tRSS MiB\t")
	}
	for _, c := range cases {
		if !wanted(c.name) {
			continue
		}
		var http, db []sample
		for round := range rounds {
			fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", c.name, round+1, rounds)
			h, err := b.spend(seconds, func() (sample, error) { return b.wrk(ctx, c, seconds, conns) })
			if err != nil {
				return err
			}
			if err := b.exec(ctx, database, "truncate api.written"); err != nil {
				return err
			}
			d, err := b.spend(seconds, func() (sample, error) { return b.pgbench(ctx, c, seconds, pool) })
			if err != nil {
				return err
			}
			http, db = append(http, h), append(db, d)
		}
		h, d := median(http), median(db)
		fmt.Fprintf(out, "%s\t%.0f\t%.2f\t%.2f\t%.0f\t%.2f\t%.1f\t%.0f\t%.0f\t%.0f\t%d\t\n",
			c.name, h.rps, h.p50, h.p99, d.rps, h.rps/d.rps, h.p99/h.p50, h.server, h.database, d.database, rss(b.server.Process.Pid)>>10)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if wanted(batchCase) {
		if err := b.batch(ctx, seconds, rounds); err != nil {
			return err
		}
	}
	if wanted(exportCase) || wanted(importCase) {
		if err := b.copyRows(ctx, rows, rounds, wanted); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(streaming, wanted) {
		return nil
	}
	if err := b.prepareStream(ctx); err != nil {
		return err
	}
	if wanted(pagesCase) {
		if err := b.pages(ctx); err != nil {
			return err
		}
	}
	if wanted(onceCase) {
		if err := b.once(ctx, seconds, rounds, conns, pool); err != nil {
			return err
		}
	}
	if wanted(limitedCase) {
		if err := b.limited(ctx, seconds, rounds, conns); err != nil {
			return err
		}
	}
	if wanted(streamCase) {
		if err := b.stream(ctx, seconds, rounds); err != nil {
			return err
		}
	}
	if wanted(schemaCase) {
		if err := b.schemaChanges(ctx); err != nil {
			return err
		}
	}
	if wanted(authCase) {
		if err := b.auth(ctx, seconds, rounds, pool); err != nil {
			return err
		}
	}
	return b.realtime(ctx, seconds, rounds, wanted)
}

// streaming are the cases whose database has all of ours.
var streaming = []string{pagesCase, onceCase, limitedCase, streamCase, schemaCase, authCase, idleCase, fanOutCase, changesCase, policiesCase, resumeCase}

func caseNames() (names []string) {
	for _, c := range cases {
		names = append(names, c.name)
	}
	return append(append(names, batchCase, exportCase, importCase), streaming...)
}

func median(s []sample) sample {
	sort.Slice(s, func(i, j int) bool { return s[i].rps < s[j].rps })
	return s[len(s)/2]
}

// bench is a running database and a running server.
type bench struct {
	dir, bin string
	binary   string // the server's
	db       *cluster.Cluster
	server   *exec.Cmd
	base     string
	token    string
}

// spend adds the CPU time that a measurement took.
func (b *bench) spend(seconds int, measure func() (sample, error)) (sample, error) {
	server, database := ticks([]int{b.server.Process.Pid}), b.databaseTicks()
	s, err := measure()
	each := 1e4 / (s.rps * float64(seconds))
	s.server = float64(ticks([]int{b.server.Process.Pid})-server) * each
	s.database = float64(b.databaseTicks()-database) * each
	return s, err
}

// databaseTicks is the CPU time of all of Postgres.
func (b *bench) databaseTicks() int { return ticks(family(b.db.PID())) }

// family is a process and its children, which any of its threads may have started.
func family(pid int) []int {
	pids := []int{pid}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		children, _ := os.ReadFile(list)
		for _, f := range strings.Fields(string(children)) {
			child, _ := strconv.Atoi(f)
			pids = append(pids, child)
		}
	}
	return pids
}

func (b *bench) wrk(ctx context.Context, c loadCase, seconds, conns int) (sample, error) {
	cmd := exec.CommandContext(ctx, "wrk", "-t2", "-c"+strconv.Itoa(conns), "-d"+strconv.Itoa(seconds)+"s", "--timeout", "10s",
		"-s", filepath.Join(b.dir, "wrk.lua"), b.base)
	cmd.Env = append(os.Environ(), "CASE="+c.name, "PREFIX=/rest/v1", "AUTH=Bearer "+b.token)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("run wrk (Debian package wrk): %w\n%s", err, out)
	}
	var s sample
	var bad int
	_, result, _ := strings.Cut(string(out), "RESULT ")
	if _, err := fmt.Sscanf(result, "%f %f %f %d", &s.rps, &s.p50, &s.p99, &bad); err != nil {
		return sample{}, fmt.Errorf("read wrk's result: %w\n%s", err, out)
	}
	if bad > 0 {
		return sample{}, fmt.Errorf("%s: %d requests failed, so the figures mean nothing\n%s", c.name, bad, out)
	}
	return s, nil
}

func (b *bench) pgbench(ctx context.Context, c loadCase, seconds, clients int) (sample, error) {
	file := filepath.Join(b.dir, c.name+".sql")
	text := "\\set n random(1, 99000)\n\\startpipeline\n" + c.begin + "\n" + become + "\n" + c.sql + "\ncommit;\n\\endpipeline\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return sample{}, err
	}
	return b.pgbenchFile(ctx, file, b.db.URL(database), seconds, clients)
}

func (b *bench) pgbenchFile(ctx context.Context, file, url string, seconds, clients int, more ...string) (sample, error) {
	args := append([]string{"-n", "-M", "prepared", "-f", file, "-c", strconv.Itoa(clients), "-j", "2", "-T", strconv.Itoa(seconds)}, more...)
	out, err := exec.CommandContext(ctx, filepath.Join(b.bin, "pgbench"), append(args, url)...).CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	_, result, _ := strings.Cut(string(out), "\ntps = ")
	var s sample
	if _, err := fmt.Sscanf(result, "%f", &s.rps); err != nil {
		return sample{}, fmt.Errorf("read pgbench's result: %w\n%s", err, out)
	}
	return s, nil
}

// rss is the resident memory of a process in KiB.
func rss(pid int) int { return memory(pid, "VmRSS") }

// memory is what the kernel calls so of a process, in KiB (proc(5)).
func memory(pid int, name string) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), name+":")
	var kib int
	_, _ = fmt.Sscan(rest, &kib)
	return kib
}

func (b *bench) stop() {
	stop(b.server)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_ = b.db.Stop(ctx)
}
