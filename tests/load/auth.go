package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/auth/password"
)

// authCase is what sign-ins by password cost, what others feel of them, and refreshes
// beside the same call of SQL.
const authCase = "auth"

const (
	// authUsers can sign in, so that each of a crowd is somebody else.
	authUsers    = 100
	authPassword = "the password of the load test"
	// probeEvery is how often each kind of request is made while others sign in: often
	// enough to count, and no load of its own.
	probeEvery = 10 * time.Millisecond
)

type authBench struct {
	*bench
	pool    int
	hashers int     // passwords that the server hashes at once
	hash    float64 // CPU time of one, in milliseconds
	people  []*person
}

func (b *bench) auth(ctx context.Context, seconds, rounds, pool int) error {
	on := *b
	a := &authBench{bench: &on, pool: pool}
	if err := a.prepare(ctx); err != nil {
		return err
	}
	defer stop(a.server)
	if err := a.signIns(ctx, seconds*rounds); err != nil {
		return err
	}
	if err := a.others(ctx, seconds, rounds); err != nil {
		return err
	}
	return a.refreshes(ctx, seconds, rounds)
}

// prepare makes the users, starts a server with auth and signs everybody in.
func (a *authBench) prepare(ctx context.Context) error {
	hash, err := a.measureHash(ctx)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, a.db.URL(streamDatabase))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `create table public.profiles (id uuid primary key default auth.uid(), name text not null);
		alter table public.profiles enable row level security;
		create policy own on public.profiles using (id = auth.uid())`)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `with made as (
			select auth.make_user('user' || i || '@load.test', null, $1, '{"name": "somebody"}', true) as id from generate_series(1, $2) as i
		) insert into public.profiles (id, name) select id, 'somebody' from made`, hash, authUsers)
	if err != nil {
		return err
	}
	a.server, a.base, err = a.process(ctx, "FLUXBASE_MODULES=rest,auth", "FLUXBASE_DATABASE_URL="+a.login(streamDatabase, "authenticator"),
		"FLUXBASE_SERVICE_DATABASE_URL="+a.login(streamDatabase, "fluxbase_service"),
		"FLUXBASE_REPLICATION_DATABASE_URL="+a.login(streamDatabase, "fluxbase_replication"),
		"FLUXBASE_DATABASE_MAX_CONNECTIONS="+strconv.Itoa(2*a.pool), "FLUXBASE_SERVICE_DATABASE_MAX_CONNECTIONS="+strconv.Itoa(a.pool),
		"FLUXBASE_ENCRYPTION_KEY=dGhlIGVuY3J5cHRpb24ga2V5IG9mIHRoZSBsb2FkIDE=",
		// All of a crowd are to be served, each from an address of its own.
		"FLUXBASE_AUTH_HASH_WAIT=2m", "FLUXBASE_SERVER_REQUEST_TIMEOUT=2m", "FLUXBASE_SERVER_TRUSTED_PROXIES=127.0.0.1")
	if err != nil {
		return err
	}
	if _, err := walsenders(ctx, conn, 1); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: %d people sign in\n", authCase, authUsers)
	for i := range authUsers {
		p, err := a.person(i)
		if err != nil {
			return err
		}
		if err := p.signIn(); err != nil {
			return err
		}
		a.people = append(a.people, p)
	}
	return nil
}

// measureHash gives the hash of the password, and learns what one costs.
func (a *authBench) measureHash(ctx context.Context) (hash string, err error) {
	var cfg password.Config
	if err := cfg.Check(); err != nil {
		return "", err
	}
	a.hashers = cfg.Hashers
	const hashes = 40
	hasher, before := password.New(cfg, password.Compute, prometheus.NewRegistry()), ticks([]int{os.Getpid()})
	for range hashes {
		if hash, err = hasher.Hash(ctx, authPassword); err != nil {
			return "", err
		}
	}
	a.hash = float64(ticks([]int{os.Getpid()})-before) * 10 / hashes
	return hash, nil
}

// signIns measures crowds that sign in as often as they can. Hashing is the limit where
// the cores that it took are as many as the server has hashers.
func (a *authBench) signIns(ctx context.Context, seconds int) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "clients\tsign-ins/s\tp50 ms\tserver ms\tof it hashing\tits db ms\tcores hashing of %d\tRSS peak MiB\tof hashing MiB\t\n", a.hashers)
	for _, n := range []int{1, 10, authUsers} {
		fmt.Fprintf(os.Stderr, "%s: %d sign in at once\n", authCase, n)
		for _, pid := range family(a.server.Process.Pid) {
			if err := forgetPeak(pid); err != nil {
				return err
			}
		}
		s, err := a.crowded(ctx, a.people[:n], seconds, (*person).signIn)
		if err != nil {
			return err
		}
		hashing := 0
		for _, pid := range family(a.server.Process.Pid)[1:] {
			hashing += memory(pid, "VmHWM")
		}
		fmt.Fprintf(out, "%d\t%.1f\t%.0f\t%.1f\t%.1f\t%.1f\t%.2f\t%d\t%d\t\n", n, s.rps, s.p50, s.server/1e3, a.hash, s.database/1e3,
			s.rps*a.hash/1e3, memory(a.server.Process.Pid, "VmHWM")>>10, hashing>>10)
	}
	fmt.Fprintf(out, "%d cores; %.1f ms of CPU time are a hash by itself\t\n", runtime.NumCPU(), a.hash)
	return out.Flush()
}

// others measures cheap requests that come now and then: alone, while a crowd waits to be
// signed in, and beside processes that keep as many cores busy as hashing does, in the same
// way, but ask for nothing: what only the machine can help.
func (a *authBench) others(ctx context.Context, seconds, rounds int) error {
	kinds := []struct {
		name string
		ask  func(*person) error
	}{
		{"a row", (*person).readRow}, {"/auth/v1/user", (*person).readUser}, {"refresh", (*person).refresh},
	}
	var probes []*person // not of the crowd: a connection asks one thing at a time
	for i := range kinds {
		p, err := a.person(i)
		if err != nil {
			return err
		}
		if err := p.signIn(); err != nil {
			return err
		}
		probes = append(probes, p)
	}
	sides := []struct {
		crowd []*person
		busy  int
	}{{nil, 0}, {nil, a.hashers}, {a.people, 0}}
	took := make([][3][]time.Duration, len(kinds))
	for round := range rounds {
		for side, with := range sides {
			fmt.Fprintf(os.Stderr, "%s, other requests while %d sign in and %d cores are busy: round %d of %d\n", authCase, len(with.crowd), with.busy, round+1, rounds)
			free, err := keepBusy(with.busy)
			if err != nil {
				return err
			}
			err = a.while(ctx, with.crowd, func() error {
				return eachOf(len(kinds), func(i int) error {
					for end := time.Now().Add(time.Duration(seconds) * time.Second); time.Now().Before(end) && ctx.Err() == nil; {
						began := time.Now()
						if err := kinds[i].ask(probes[i]); err != nil {
							return err
						}
						took[i][side] = append(took[i][side], time.Since(began))
						// Not in step with whatever else is regular.
						time.Sleep(time.Until(began.Add(probeEvery/2 + rand.N(probeEvery))))
					}
					return nil
				})
			})
			free()
			if err != nil {
				return err
			}
		}
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "\nrequest\talone p50 ms\tp99 ms\t%d cores busy p50 ms\tp99 ms\t%d sign in p50 ms\tp99 ms\tto alone p50\tp99\tto busy p50\tp99\t\n",
		a.hashers, len(a.people))
	for i, kind := range kinds {
		alone, busy, beside := percentiles(took[i][0]), percentiles(took[i][1]), percentiles(took[i][2])
		fmt.Fprintf(out, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", kind.name,
			alone.p50, alone.p99, busy.p50, busy.p99, beside.p50, beside.p99,
			beside.p50/alone.p50, beside.p99/alone.p99, beside.p50/busy.p50, beside.p99/busy.p99)
	}
	return out.Flush()
}

// keepBusy has processes of the priority of those that hash use as many cores, until they are
// ended.
func keepBusy(cores int) (end func(), err error) {
	var all []*exec.Cmd
	end = func() {
		for _, cmd := range all {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	for range cores {
		cmd := exec.Command("chrt", "--idle", "0", "sh", "-c", "while :; do :; done")
		if err := cmd.Start(); err != nil {
			end()
			return nil, err
		}
		all = append(all, cmd)
	}
	return end, nil
}

// refreshes measures sessions that are refreshed as often as they can be, as many as the
// server has connections, beside as many clients of pgbench that make the same call.
func (a *authBench) refreshes(ctx context.Context, seconds, rounds int) error {
	err := a.exec(ctx, streamDatabase, fmt.Sprintf(`create table public.load_sessions as
		select row_number() over () - 1 as client, auth.open_session(u.id, 'password') as id from auth.users as u limit %d`, a.pool))
	if err != nil {
		return err
	}
	file := filepath.Join(a.dir, "refresh.sql")
	if err := os.WriteFile(file, []byte(refreshScript), 0o600); err != nil {
		return err
	}
	var http, db []sample
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "%s, refreshes: round %d of %d\n", authCase, round+1, rounds)
		h, err := a.crowded(ctx, a.people[:a.pool], seconds, (*person).refresh)
		if err != nil {
			return err
		}
		d, err := a.spend(seconds, func() (sample, error) {
			return a.pgbenchFile(ctx, file, a.db.URL(streamDatabase), seconds, a.pool, "-D", "known=0")
		})
		if err != nil {
			return err
		}
		http, db = append(http, h), append(db, d)
	}
	h, d := median(http), median(db)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "\n\tserver req/s\tp50 ms\tp99 ms\tpgbench tx/s\tratio\tserver us\tits db us\tpgbench's db us\t")
	fmt.Fprintf(out, "refresh\t%.0f\t%.2f\t%.2f\t%.0f\t%.2f\t%.0f\t%.0f\t%.0f\t\n",
		h.rps, h.p50, h.p99, d.rps, h.rps/d.rps, h.server, h.database, d.database)
	return out.Flush()
}

// refreshScript is what a client of pgbench does: what the server sends for a refresh of
// the client's own session, whose token has one number more each time.
const refreshScript = `\if :known = 0
select s.id as session, s.refresh_token_counter as counter from auth.sessions as s join public.load_sessions as l on l.id = s.id where l.client = :client_id
\gset
\set known 1
\endif
\startpipeline
begin;
select set_config('transaction_read_only', 'off', true), set_config('search_path', '"public"', true), set_config('request.jwt.claims', '', true),` +
	` set_config('request.method', 'POST', true), set_config('request.path', '/auth/v1/token', true), set_config('request.headers', '', true),` +
	` set_config('request.cookies', '', true), set_config('request.id', '00000000000000000000000000', true),` +
	` set_config('request.address', '127.0.0.1', true), set_config('role', 'service_role', true);
select auth.refresh_session(:session, :counter, 'load', '127.0.0.1')::text;
commit;
\endpipeline
\set counter :counter + 1
`
