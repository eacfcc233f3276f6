package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// pagesCase is what a page costs by cursor and by offset, at the start, in the middle
// and at the end of a table.
const pagesCase = "pages"

const (
	pagedRows   = 100_000
	pageRows    = 100
	pageRepeats = 200
)

// pages reads the same pages both ways, in turns.
func (b *bench) pages(ctx context.Context) error {
	err := b.exec(ctx, streamDatabase, fmt.Sprintf(`create table public.paged (
		id bigint generated always as identity primary key, rank integer, title text not null);
		insert into public.paged (rank, title) select nullif(i %% 50, 0), 'title of row ' || i from generate_series(1, %d) as i;
		create index on public.paged (rank, id desc);
		grant select on public.paged to anon`, pagedRows))
	if err != nil {
		return err
	}
	if err := b.exec(ctx, streamDatabase, "vacuum (analyze) public.paged"); err != nil {
		return err
	}
	server, base, err := b.process(ctx, "FLUXBASE_MODULES=rest", "FLUXBASE_DATABASE_URL="+b.login(streamDatabase, "authenticator"))
	if err != nil {
		return err
	}
	defer stop(server)

	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "order\tby\tfirst page ms\tmiddle ms\tlast ms\tlast/first\t")
	for _, order := range []string{"id", "rank,id.desc"} {
		url := fmt.Sprintf("%s/rest/v1/paged?order=%s&limit=%d", base, order, pageRows)
		fmt.Fprintf(os.Stderr, "%s: order %s\n", pagesCase, order)
		cursors := []string{""}
		for {
			_, next, err := page(ctx, url+"&cursor="+cursors[len(cursors)-1])
			if err != nil {
				return err
			}
			if next == "" {
				break
			}
			cursors = append(cursors, next)
		}
		last := len(cursors) - 1
		if last != pagedRows/pageRows-1 {
			return fmt.Errorf("%d pages, want %d", last+1, pagedRows/pageRows)
		}
		for _, by := range []string{"cursor", "offset"} {
			var took [3]float64
			for i, n := range []int{0, last / 2, last} {
				one := fmt.Sprintf("%s&offset=%d", url, n*pageRows)
				if by == "cursor" {
					one = url + "&cursor=" + cursors[n]
				}
				if took[i], err = medianPage(ctx, one); err != nil {
					return err
				}
			}
			fmt.Fprintf(out, "%s\t%s\t%.2f\t%.2f\t%.2f\t%.1f\t\n", order, by, took[0], took[1], took[2], took[2]/took[0])
		}
	}
	return out.Flush()
}

// medianPage is how many milliseconds a page takes.
func medianPage(ctx context.Context, url string) (float64, error) {
	var all []time.Duration
	for range pageRepeats {
		took, _, err := page(ctx, url)
		if err != nil {
			return 0, err
		}
		all = append(all, took)
	}
	slices.Sort(all)
	return float64(all[len(all)/2].Microseconds()) / 1000, nil
}

func page(ctx context.Context, url string) (took time.Duration, next string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	began := time.Now()
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err == nil && w.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", url, w.StatusCode, body)
	}
	return time.Since(began), w.Header.Get("X-Next-Cursor"), err
}
