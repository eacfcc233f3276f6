package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"text/tabwriter"
)

// limitedCase is what a limit costs the requests that it lets through: one row, of one
// user, with no rule, with a rule that is leased, and with a strict one.
const limitedCase = "limited"

// limited loads servers that differ in where, or whether, they count, in turns.
func (b *bench) limited(ctx context.Context, seconds, rounds, conns int) error {
	const huge = "1e9, '1 s', burst => 1000000000"
	rules := fmt.Sprintf(`select ratelimit.set_rule('address', 'all', 'ip', %s), ratelimit.set_rule('user', 'rest', 'caller', %[1]s)`, huge)
	strict := fmt.Sprintf(`select ratelimit.set_rule('strict', 'rest', 'caller', %s, strict => true)`, huge)
	// The shape of the case row; its schema is not in this database.
	err := b.exec(ctx, streamDatabase, `create table public.items (id integer primary key, name text not null);
		insert into public.items select i, 'item number ' || i from generate_series(1, 100000) as i; grant select on public.items to load_user`)
	if err != nil {
		return err
	}
	type side struct {
		name, rules string
		samples     []sample
	}
	sides := []*side{{name: "no rule"}, {name: "leased, two rules", rules: rules}, {name: "strict", rules: strict}}
	server, base, err := b.process(ctx, "FLUXBASE_MODULES=rest", "FLUXBASE_DATABASE_URL="+b.login(streamDatabase, "authenticator"),
		"FLUXBASE_DATABASE_MAX_CONNECTIONS=10", "FLUXBASE_REPLICATION_DATABASE_URL="+b.login(streamDatabase, "fluxbase_replication"))
	if err != nil {
		return err
	}
	defer stop(server)
	defer func(s *exec.Cmd, at string) { b.server, b.base = s, at }(b.server, b.base)
	b.server, b.base = server, base
	for round := range rounds {
		for _, s := range sides {
			fmt.Fprintf(os.Stderr, "%s, %s: round %d of %d\n", limitedCase, s.name, round+1, rounds)
			if err := b.exec(ctx, streamDatabase, `select ratelimit.drop_rule(name) from ratelimit.rules; `+s.rules); err != nil {
				return err
			}
			if err := b.exec(ctx, streamDatabase, `select pg_sleep(1.5)`); err != nil { // without a stream it is known by then
				return err
			}
			one, err := b.spend(seconds, func() (sample, error) {
				return b.wrk(ctx, loadCase{name: "row"}, seconds, conns)
			})
			if err != nil {
				return err
			}
			s.samples = append(s.samples, one)
		}
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "limit\treq/s\tp50 ms\tp99 ms\tserver us\tits db us\ttime/no rule\t")
	var plain float64
	for _, s := range sides {
		sort.Slice(s.samples, func(i, j int) bool { return s.samples[i].rps < s.samples[j].rps })
		m := s.samples[len(s.samples)/2]
		if plain == 0 {
			plain = m.rps
		}
		fmt.Fprintf(out, "%s\t%.0f\t%.2f\t%.2f\t%.0f\t%.0f\t%.2f\t\n", s.name, m.rps, m.p50, m.p99, m.server, m.database, plain/m.rps)
	}
	return out.Flush()
}
