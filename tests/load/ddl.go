package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// schemaCase is how long after its commit every process serves a changed schema.
const schemaCase = "schema"

const schemaChangesMeasured = 50

// schemaChanges replaces a function that gives one value by one that gives a set, and
// back, and asks two processes for it until both answer by the new catalogue: nothing
// but an announcement tells them of it.
func (b *bench) schemaChanges(ctx context.Context) error {
	processes, bases, err := b.followers(ctx, 2)
	defer stopAll(processes)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, b.db.URL(streamDatabase))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := walsenders(ctx, conn, len(bases)); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: %d changes\n", schemaCase, schemaChangesMeasured)
	var took []time.Duration
	for i := range schemaChangesMeasured {
		kind, want := "integer", "1"
		if i%2 == 1 {
			kind, want = "setof integer", "[1]"
		}
		_, err := conn.Exec(ctx, `begin; drop function if exists public.answer; create function public.answer() returns `+kind+
			` language sql return 1; grant execute on function public.answer to anon; commit`)
		if err != nil {
			return err
		}
		committed := time.Now()
		for _, base := range bases {
			err := within(ctx, base+" answers "+want, func() (bool, error) { return answers(ctx, base, want) })
			if err != nil {
				return err
			}
		}
		// What the first look at an untouched process finds is its start.
		if since := time.Since(committed); i > 0 {
			took = append(took, since)
		}
		time.Sleep(200 * time.Millisecond)
	}
	slices.Sort(took)
	ms := func(share float64) float64 {
		return float64(took[int(share*float64(len(took)-1))].Microseconds()) / 1000
	}
	fmt.Printf("a changed schema is served by two processes after %.0f ms (median), %.0f ms (p95), %.0f ms (at most); load average %s\n",
		ms(0.5), ms(0.95), ms(1), loadAverage())
	return nil
}

// answers asks a process for the function.
func answers(ctx context.Context, base, want string) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/rest/v1/rpc/answer", nil)
	if err != nil {
		return false, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return strings.TrimSpace(string(body)) == want, err
}
