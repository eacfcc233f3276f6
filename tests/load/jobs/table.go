package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// printTable writes the medians, and how our rates stand to those of the others.
func printTable(w io.Writer, version string, results [][]result) error {
	fmt.Fprintf(w, "Postgres %s\n", version)
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "\tenqueue/s\tdb us\tclient us\tWAL\twork/s\tdb us\tclient us\tWAL\tstart p50 ms\tp95 ms\theld/s\tdb us\tWAL\tof before: rate\tdb us\t")
	medians := make([]result, len(systems))
	for i, s := range systems {
		if len(results[i]) == 0 {
			continue
		}
		m := medianOf(results[i])
		medians[i] = m
		fmt.Fprintf(out, "%s\t%.0f\t%.1f\t%.1f\t%.0f\t%.0f\t%.1f\t%.1f\t%.0f\t%.1f\t%.1f\t", s.name,
			m.enqueue.rate, m.enqueue.database, m.enqueue.client, m.enqueue.wal,
			m.work.rate, m.work.database, m.work.client, m.work.wal, m.p50, m.p95)
		if m.held.rate > 0 {
			fmt.Fprintf(out, "%.0f\t%.1f\t%.0f\t%.2f\t%.2f\t", m.held.rate, m.held.database, m.held.wal,
				m.held.rate/m.work.rate, m.held.database/m.work.database)
		}
		fmt.Fprintln(out)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	ours := medians[0]
	for i, m := range medians[1:] {
		if ours.work.rate == 0 || m.work.rate == 0 {
			continue
		}
		line := fmt.Sprintf("%s by %s: enqueue %.1f, work %.1f", systems[0].name, systems[i+1].name,
			ours.enqueue.rate/m.enqueue.rate, ours.work.rate/m.work.rate)
		if m.held.rate > 0 {
			line += fmt.Sprintf(", held %.1f", ours.held.rate/m.held.rate)
		}
		fmt.Fprintln(w, line)
	}
	return nil
}

// medianOf takes the median of each figure.
func medianOf(runs []result) (m result) {
	mid := func(figure func(*result) *float64) {
		var values []float64
		for _, r := range runs {
			values = append(values, *figure(&r))
		}
		slices.Sort(values)
		*figure(&m) = values[len(values)/2]
	}
	for _, c := range []func(*result) *cost{
		func(r *result) *cost { return &r.enqueue }, func(r *result) *cost { return &r.work }, func(r *result) *cost { return &r.held },
	} {
		mid(func(r *result) *float64 { return &c(r).rate })
		mid(func(r *result) *float64 { return &c(r).database })
		mid(func(r *result) *float64 { return &c(r).client })
		mid(func(r *result) *float64 { return &c(r).wal })
	}
	mid(func(r *result) *float64 { return &r.p50 })
	mid(func(r *result) *float64 { return &r.p95 })
	return m
}

// body is what a job carries beside its number, so that both are about 100 bytes.
var body = strings.Repeat("a job of a usual size ", 4)[:75]
