package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"
)

// onceCase is an insert with an idempotency key beside the same insert without; and both
// where the answer has the row, so that it is not known before it is there.
const onceCase = "idempotent"

// onceSlices is how often the two sides alternate within a measurement.
const onceSlices = 4

func (b *bench) once(ctx context.Context, seconds, rounds, conns, pool int) error {
	err := b.exec(ctx, streamDatabase, `create table public.written (
		id bigint generated always as identity primary key, name text, price numeric(10, 2), tags text[], meta jsonb);
		grant select, insert on public.written to load_user`)
	if err != nil {
		return err
	}
	on := *b
	if on.server, on.base, err = b.process(ctx, "FLUXBASE_DATABASE_URL="+b.login(streamDatabase, "authenticator"),
		"FLUXBASE_DATABASE_MAX_CONNECTIONS="+fmt.Sprint(pool)); err != nil {
		return err
	}
	defer stop(on.server)
	sides := []loadCase{{name: "insert"}, {name: onceCase}, {name: "insert with its row"}, {name: onceCase + " with its row"}}
	got := make([][]sample, len(sides))
	slice := max(seconds/onceSlices, 1)
	for round := range rounds * onceSlices {
		fmt.Fprintf(os.Stderr, "%s: %d of %d\n", onceCase, round+1, rounds*onceSlices)
		for i, side := range sides {
			s, err := on.spend(slice, func() (sample, error) { return on.wrk(ctx, side, slice, conns) })
			if err != nil {
				return err
			}
			got[i] = append(got[i], s)
		}
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "\nwrite\treq/s\tp50 ms\tp99 ms\tserver us\tdb us\ttime/plain\tCPU/plain\t")
	for i, side := range sides {
		plain, s := median(got[i&^1]), median(got[i])
		fmt.Fprintf(out, "%s\t%.0f\t%.2f\t%.2f\t%.0f\t%.0f\t%.2f\t%.2f\t\n", side.name, s.rps, s.p50, s.p99, s.server, s.database,
			plain.rps/s.rps, (s.server+s.database)/(plain.server+plain.database))
	}
	return out.Flush()
}
