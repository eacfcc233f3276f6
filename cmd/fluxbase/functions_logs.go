package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy/wait"
)

// logsQuery says which lines to print.
type logsQuery struct {
	name, level, invocation string
	since                   time.Duration
	lines                   int
	follow                  bool
}

func newFunctionsLogsCmd() *cobra.Command {
	var q logsQuery
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print what a function said",
		Long: `Prints the last lines, oldest first, each with its time, its level and the last digits
of the invocation that it is of. Lines are there a moment after they were said, whichever
process served the function, for 7 days unless functions.keep says otherwise.`,
		Example: `  fluxbase functions logs hello -f
  fluxbase functions logs hello --level error --since 24h -n 1000
  fluxbase functions logs hello --invocation 0190b5b8-...   # from the header x-deno-execution-id`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if q.name = args[0]; q.lines < 1 || q.lines > followLines {
				return usage("--lines is 1 to %d", followLines)
			}
			return asService(cmd.Context(), func(conn *pgx.Conn) error { return q.print(cmd.Context(), conn, cmd.OutOrStdout()) })
		},
	}
	cmd.Flags().BoolVarP(&q.follow, "follow", "f", false, "go on with what it says from now on")
	cmd.Flags().StringVar(&q.level, "level", "debug", "leave out what is less grave: debug, info, warn or error")
	cmd.Flags().StringVar(&q.invocation, "invocation", "", "of one invocation alone")
	cmd.Flags().DurationVar(&q.since, "since", 0, "how far to look back; 0 is all that is kept")
	cmd.Flags().IntVarP(&q.lines, "lines", "n", 100, "how many lines at most, up to 10000")
	return cmd
}

const (
	// followEvery is how often a log that is followed is asked for.
	followEvery = 500 * time.Millisecond
	// late is how much later than others the lines of a process may come.
	late = 15 * time.Second
	// followLines bounds one look.
	followLines = 10000
)

// logLine is a row of functions.logs.
type logLine struct {
	at             time.Time
	level, message string
	cut            bool
	invocation     string
	seq            int
	version        int
}

func (q *logsQuery) print(ctx context.Context, conn *pgx.Conn, out io.Writer) error {
	since := time.Time{}
	if q.since > 0 {
		since = time.Now().Add(-q.since)
	}
	// Which lines need not be printed any more, and when they were said.
	known := map[string]time.Time{}
	if q.follow {
		// What is late is new, but not what was there and is not among the last lines.
		lines, err := q.ask(ctx, conn, time.Now().Add(-late), followLines)
		if err != nil {
			return err
		}
		for _, l := range lines {
			known[l.id()] = l.at
		}
	}
	lines, err := q.ask(ctx, conn, since, q.lines)
	if err != nil {
		return err
	}
	for _, l := range lines {
		l.print(out)
		known[l.id()] = l.at
	}
	if !q.follow {
		if len(lines) == 0 {
			return q.explainSilence(ctx, conn)
		}
		return nil
	}
	for wait.For(ctx, followEvery) {
		if lines, err = q.ask(ctx, conn, time.Now().Add(-late), followLines); err != nil {
			if ctx.Err() != nil {
				break
			}
			return err
		}
		for _, l := range lines {
			if _, before := known[l.id()]; !before {
				l.print(out)
			}
			known[l.id()] = l.at
		}
		maps.DeleteFunc(known, func(_ string, at time.Time) bool { return time.Since(at) > 2*late })
	}
	return nil
}

func (l *logLine) id() string { return fmt.Sprintf("%s %d", l.invocation, l.seq) }

// print writes a line; ids of invocations differ at their ends.
func (l *logLine) print(out io.Writer) {
	fmt.Fprintf(out, "%s %-5s %s  %s\n", l.at.UTC().Format("2006-01-02 15:04:05.000"), strings.ToUpper(l.level), l.invocation[len(l.invocation)-8:], l.text())
}

func (l *logLine) text() string {
	text := strings.ReplaceAll(strings.TrimRight(l.message, "\n"), "\n", "\n    ")
	// What a function says can't move the cursor, or write over what others said.
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || 0x80 <= r && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, text)
	if l.cut {
		text += " [cut]"
	}
	return text
}

func (q *logsQuery) ask(ctx context.Context, conn *pgx.Conn, since time.Time, most int) ([]logLine, error) {
	var invocation *string
	if q.invocation != "" {
		invocation = &q.invocation
	}
	const ask = `
		select l.at, l.level, l.message, l.is_truncated, l.invocation::text, l.seq, l.version
		from functions.logs($1, $2, $3, $4::text::uuid, $5) as l`
	rows, err := conn.Query(ctx, ask, q.name, since, q.level, invocation, most)
	if err != nil {
		return nil, refusal(err)
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l logLine, err error) {
		return l, row.Scan(&l.at, &l.level, &l.message, &l.cut, &l.invocation, &l.seq, &l.version)
	})
	if err != nil {
		return nil, refusal(err)
	}
	return lines, nil
}

// explainSilence tells a function that said nothing from one that is not there.
func (q *logsQuery) explainSilence(ctx context.Context, conn *pgx.Conn) error {
	var there bool
	const ask = `select exists (select from functions.functions as f where f.name = $1 and f.active is not null)`
	if err := conn.QueryRow(ctx, ask, q.name).Scan(&there); err != nil {
		return refusal(err)
	}
	if !there {
		return errors.New("there is no function " + q.name + "; fluxbase functions list names those that are deployed")
	}
	return nil
}
