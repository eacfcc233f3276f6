package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// The cases of rows in bulk, beside psql's \copy of the same rows as CSV.
const (
	exportCase = "export"
	importCase = "import"
)

const copySchema = `drop table if exists api.rows, api.rows_in;
create table api.rows (
  id bigint primary key, name text not null, qty integer, price numeric(10, 2), made timestamptz, ok boolean, meta jsonb
);
insert into api.rows select i, 'row number ' || i, nullif(i %% 1000, 0), i * 0.37, now() - i * interval '1 second', i %% 3 = 0,
  jsonb_build_object('weight', i) from generate_series(1, %d) as i;
create table api.rows_in (like api.rows including all);
grant select, insert on api.rows, api.rows_in to load_user`

// bulkFormats are how the server sends and takes rows.
var bulkFormats = []struct{ name, accept, content string }{
	{"lines of JSON", "application/x-ndjson", "application/x-ndjson"},
	{"JSON array", "application/json;stream=true", ""},
	{"CSV", "text/csv;stream=true", "text/csv;stream=true"},
}

// copyRows measures exports and imports of that many rows, in a process of its own
// whose memory is looked at.
func (b *bench) copyRows(ctx context.Context, rows, rounds int, wanted func(string) bool) error {
	if err := b.exec(ctx, database, fmt.Sprintf(copySchema, rows)); err != nil {
		return err
	}
	if err := b.exec(ctx, database, "vacuum analyze api.rows"); err != nil {
		return err
	}
	server, base, err := b.process(ctx, "FLUXBASE_DATABASE_URL="+b.login(database, "authenticator"), "FLUXBASE_REST_DB_SCHEMAS=api")
	defer stop(server)
	if err != nil {
		return err
	}
	file := func(name string) string { return filepath.Join(b.dir, strings.ReplaceAll(name, " ", "_")) }
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "%d rows\tserver s\tpsql s\tratio\tRSS MiB at most\t\n", rows)
	measure := func(name string, ours, psql func() error) error {
		var a, c []float64
		for round := range rounds {
			fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", name, round+1, rounds)
			for i, run := range []func() error{ours, psql} {
				if err := b.exec(ctx, database, "truncate api.rows_in"); err != nil {
					return err
				}
				if err := b.exec(ctx, "postgres", "checkpoint"); err != nil {
					return err
				}
				start := time.Now()
				if err := run(); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				if took := time.Since(start).Seconds(); i == 0 {
					a = append(a, took)
				} else {
					c = append(c, took)
				}
			}
		}
		slices.Sort(a)
		slices.Sort(c)
		ours2, psql2 := a[len(a)/2], c[len(c)/2]
		fmt.Fprintf(out, "%s\t%.2f\t%.2f\t%.2f\t%d\t\n", name, ours2, psql2, psql2/ours2, peak(server.Process.Pid)>>10)
		return nil
	}
	copyOut := func() error { return b.psql(ctx, `\copy api.rows to '`+file("psql.csv")+`' csv header`) }
	for _, f := range bulkFormats {
		err := measure(exportCase+" "+f.name, func() error {
			return b.transfer(ctx, http.MethodGet, base+"/rest/v1/rows", "Accept", f.accept, "", file(f.name))
		}, copyOut)
		if err != nil {
			return err
		}
	}
	for _, f := range bulkFormats {
		if f.content == "" || !wanted(importCase) {
			continue
		}
		err := measure(importCase+" "+f.name, func() error {
			return b.transfer(ctx, http.MethodPost, base+"/rest/v1/rows_in", "Content-Type", f.content, file(f.name), os.DevNull)
		}, func() error { return b.psql(ctx, `\copy api.rows_in from '`+file("psql.csv")+`' csv header`) })
		if err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	fmt.Println("load average", loadAverage())
	return nil
}

func (b *bench) psql(ctx context.Context, command string) error {
	out, err := exec.CommandContext(ctx, filepath.Join(b.bin, "psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-c", command, b.db.URL(database)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("psql: %w\n%s", err, out)
	}
	return nil
}

// transfer sends the file from, if there is one, and keeps the answer in the file to.
func (b *bench) transfer(ctx context.Context, method, url, name, value, from, to string) error {
	var body io.Reader
	if from != "" {
		in, err := os.Open(from)
		if err != nil {
			return err
		}
		defer in.Close()
		body = in
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+b.token)
	req.Header.Set(name, value)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return fmt.Errorf("%s: %s", resp.Status, text)
	}
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	defer dst.Close()
	_, err = io.Copy(dst, resp.Body)
	return err
}

// peak is the most resident memory that a process has had, in KiB.
func peak(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib int
	_, _ = fmt.Sscan(rest, &kib)
	return kib
}
