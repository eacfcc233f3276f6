package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// batchCase is a batch of 50 operations on five tables beside the same 50 as requests,
// one after the other and all at once.
const batchCase = "batch"

const batchOperations = 50

func (b *bench) batch(ctx context.Context, seconds, rounds int) error {
	tables := ""
	for i := range 5 {
		tables += fmt.Sprintf("create table api.written_%d (like api.written including all); grant select, insert on api.written_%[1]d to load_user;", i)
	}
	if err := b.exec(ctx, database, tables); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: batchOperations}}
	defer client.CloseIdleConnections()
	post := func(path, body string, want int) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.base+"/rest/v1/"+path, strings.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+b.token)
		req.Header.Set("Content-Type", "application/json")
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode != want {
			err = fmt.Errorf("POST %s: %s\n%s", path, res.Status, text)
		}
		return err
	}
	table := func(i int) string { return fmt.Sprintf("written_%d", i%5) }
	row := func(i int) string {
		return fmt.Sprintf(`{"name":"item %d","price":%[1]d.5,"tags":["red","bulk"],"meta":{"weight":%[1]d}}`, i)
	}
	operations := make([]string, batchOperations)
	for i := range operations {
		operations[i] = fmt.Sprintf(`{"method":"POST","path":"/%s","body":%s}`, table(i), row(i))
	}
	whole := `{"operations":[` + strings.Join(operations, ",") + `]}`
	sides := []struct {
		name string
		run  func() error
	}{
		{"one batch", func() error { return post("batch", whole, http.StatusOK) }},
		{"50 requests, one by one", func() error {
			for i := range batchOperations {
				if err := post(table(i), row(i), http.StatusCreated); err != nil {
					return err
				}
			}
			return nil
		}},
		{"50 requests at once", func() error {
			var group sync.WaitGroup
			errs := make([]error, batchOperations)
			for i := range batchOperations {
				group.Go(func() { errs[i] = post(table(i), row(i), http.StatusCreated) })
			}
			group.Wait()
			for _, err := range errs {
				if err != nil {
					return err
				}
			}
			return nil
		}},
	}
	took := make([][]time.Duration, len(sides))
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", batchCase, round+1, rounds)
		for i, side := range sides {
			for end := time.Now().Add(time.Duration(seconds) * time.Second / time.Duration(len(sides))); time.Now().Before(end); {
				began := time.Now()
				if err := side.run(); err != nil {
					return err
				}
				took[i] = append(took[i], time.Since(began))
			}
		}
	}
	fmt.Printf("\n%d inserts into five tables, milliseconds\n", batchOperations)
	first := percentiles(took[0])
	for i, side := range sides {
		s := percentiles(took[i])
		fmt.Printf("%-24s p50 %7.2f  p99 %7.2f  %5.1f times the batch\n", side.name, s.p50, s.p99, s.p50/first.p50)
	}
	return nil
}
