package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/rest"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// explained is the request that a command line describes.
type explained struct {
	role, claims, body string
	headers            []string
	analyze            bool
}

func newExplainCmd() *cobra.Command {
	var e explained
	cmd := &cobra.Command{
		Use:   "explain 'METHOD /rest/v1/…'",
		Short: "Say what a REST request does: its SQL, its plan, and the policies that apply",
		Long: `Prints what serve would run for a request, without running it: the transaction's
settings, the SQL and its values, the plan of Postgres, and for each table in it whether
row level security holds for the role and which policies decide. It reads the settings
that serve reads (FLUXBASE_DATABASE_URL and so on) and takes the same path through the
same code. A request that serve would refuse is refused here with the same words.

With --analyze the statement does run, and is rolled back; the plan then says how long
each step took and how many rows it gave. Numbers drawn from sequences stay drawn.

Exit status: 0 explained, 1 refused or no database, 2 the call or the environment is wrong.`,
		Example: `  fluxbase explain 'GET /rest/v1/notes?select=id,title&order=id'
  fluxbase explain 'GET /rest/v1/notes' --role authenticated \
    --claims '{"sub":"00000000-0000-4000-8000-00000000ada0"}' --analyze
  fluxbase explain 'PATCH /rest/v1/notes?id=eq.1' --role authenticated --body '{"title":"x"}'
  fluxbase explain 'POST /rest/v1/rpc/search_notes' --body @arguments.json -H 'Prefer: count=exact'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("explain takes one argument, the request in quotes, as in: fluxbase explain 'GET /rest/v1/notes?select=id'; got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return e.run(cmd.Context(), cmd.OutOrStdout(), args[0]) },
	}
	cmd.Flags().StringVar(&e.role, "role", "", "database role of the caller; else the claim role, else FLUXBASE_JWT_ANON_ROLE")
	cmd.Flags().StringVar(&e.claims, "claims", "", "what the caller's token says, as a JSON object; policies read it by auth.jwt() and auth.uid()")
	cmd.Flags().StringVar(&e.body, "body", "", "body of the request, or @FILE")
	cmd.Flags().StringArrayVarP(&e.headers, "header", "H", nil, "header of the request, as 'Name: value'; may be given several times")
	cmd.Flags().BoolVar(&e.analyze, "analyze", false, "run the statement, and roll it back")
	return cmd
}

func (e *explained) run(ctx context.Context, out io.Writer, line string) error {
	set, err := loadSettings(flags{}, nil)
	if err != nil {
		return err
	}
	if set.dropIn {
		database, err := readDropIn(ctx, set)
		if err != nil {
			return err
		}
		if set, err = loadSettings(flags{}, database); err != nil {
			return err
		}
	}
	hr, err := e.request(line, set.Rest.Prefix)
	if err != nil {
		return err
	}
	caller, err := e.caller(set.JWT.AnonRole)
	if err != nil {
		return err
	}
	pools, err := openPools(ctx, set.DB)
	if err != nil {
		return err
	}
	defer closePools(pools)
	var background sync.WaitGroup
	defer background.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &front{log: slog.New(slog.DiscardHandler), pools: pools, background: &background, announced: func() bool { return false }}
	if err := pools[requestPool].Check(ctx); err != nil {
		return fmt.Errorf("FLUXBASE_DATABASE_URL: %w", err)
	}
	if err := f.use(ctx, set); err != nil {
		return err
	}
	b := f.current.Load()
	if b.store.Current() == nil { // use leaves it to those who wait
		if err := b.store.Refresh(ctx); err != nil {
			return err
		}
	}
	x, err := b.handler.Explain(ctx, hr, caller, e.analyze)
	if err != nil {
		return refused(err)
	}
	printExplanation(out, caller, x)
	if x.Refused != nil {
		return refused(x.Refused)
	}
	return nil
}

// readDropIn asks for the settings that the database holds.
func readDropIn(ctx context.Context, set *settings) (map[string]string, error) {
	db, err := pg.Open(ctx, set.DB, set.DB.DatabaseURL, 1, 0)
	if err != nil {
		return nil, fmt.Errorf("FLUXBASE_DATABASE_URL: %w", err)
	}
	defer db.Close()
	return readInDatabase(ctx, db, set.DropIn)
}

// refused is what the server would answer, on one line.
func refused(err error) error {
	var answer *web.Error
	if !errors.As(err, &answer) {
		return err
	}
	text := fmt.Sprintf("the server refuses this request with %d %s: %s", answer.Status, answer.Code, answer.Message)
	if answer.Details != nil {
		details, _ := json.Marshal(answer.Details) // what is sent is JSON
		text += fmt.Sprintf("; details: %s", details)
	}
	if answer.Hint != "" {
		text += "; hint: " + answer.Hint
	}
	return errors.New(text)
}

func (e *explained) request(line, prefix string) (*http.Request, error) {
	method, path, ok := strings.Cut(strings.TrimSpace(line), " ")
	if !ok {
		method, path = http.MethodGet, method
	}
	path = strings.TrimSpace(path)
	base := strings.TrimSuffix(prefix, "/") + "/"
	if !strings.HasPrefix(path, base) || len(path) == len(base) {
		return nil, usage("the request is %q: give a method and a path below %s, as in 'GET %snotes?select=id'", line, base, base)
	}
	body := e.body
	if name, ok := strings.CutPrefix(body, "@"); ok {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, usage("read --body: %w", err)
		}
		body = string(text)
	}
	// As a browser encodes what stands in an address.
	path = strings.NewReplacer(" ", "%20", `"`, "%22").Replace(path)
	hr, err := http.NewRequest(strings.ToUpper(method), "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		return nil, usageError{err}
	}
	for _, header := range e.headers {
		name, value, ok := strings.Cut(header, ":")
		if !ok {
			return nil, usage("--header is %q: give 'Name: value', as in 'Prefer: count=exact'", header)
		}
		hr.Header.Add(name, strings.TrimSpace(value))
	}
	return hr, nil
}

// caller is what a verified token of these claims would make.
func (e *explained) caller(anon string) (pg.Caller, error) {
	claims := map[string]any{}
	if e.claims != "" {
		decoder := json.NewDecoder(strings.NewReader(e.claims))
		decoder.UseNumber()
		if err := decoder.Decode(&claims); err != nil || claims == nil {
			return pg.Caller{}, usage("--claims is no JSON object: give one, as in '{\"sub\":\"00000000-0000-4000-8000-00000000ada0\"}'")
		}
	}
	named, _ := claims["role"].(string)
	role := cmp.Or(e.role, named, anon)
	if role == "" {
		return pg.Caller{}, usage("there is no role: give --role, since FLUXBASE_JWT_ANON_ROLE is empty")
	}
	claims["role"] = role
	text, err := json.Marshal(claims)
	return pg.Caller{Role: role, Claims: string(text)}, err
}

func printExplanation(out io.Writer, caller pg.Caller, x *rest.Explanation) {
	mode := "read write"
	if x.Tx.Mode == pg.ReadOnly {
		mode = "read only"
	}
	fmt.Fprintf(out, "Transaction: %s, as %s\n  claims %s\n  search_path %s\n", mode, caller.Role, caller.Claims, x.Tx.SearchPath)
	for _, s := range x.Tx.Settings {
		fmt.Fprintf(out, "  %s %s\n", s.Name, s.Value)
	}
	printStatements := func(title string, list ...pg.Statement) {
		for _, st := range list {
			if st.SQL == "" {
				continue
			}
			fmt.Fprintf(out, "\n%s:\n  %s\n", title, st.SQL)
			for i, arg := range st.Args {
				if arg == nil {
					fmt.Fprintf(out, "  $%d null\n", i+1)
				} else {
					fmt.Fprintf(out, "  $%d %q\n", i+1, arg)
				}
			}
		}
	}
	printStatements("Before it", x.Tx.Before...)
	printStatements("SQL", x.Tx.Main)
	printStatements("After it", x.Tx.After)
	fmt.Fprintf(out, "\nPlan:\n  %s\n\nPolicies:\n", strings.ReplaceAll(strings.TrimSuffix(x.Plan, "\n"), "\n", "\n  "))
	for i := range x.Tables {
		printTable(out, caller.Role, &x.Tables[i])
	}
	if len(x.Tables) == 0 {
		fmt.Fprintln(out, "  The plan reads no table; what a function does within, a plan does not show.")
	}
}

// lineBreak is how pg_get_expr sets a query within an expression.
var lineBreak = regexp.MustCompile(`\s*\n\s*`)

func printTable(out io.Writer, role string, t *rest.ExplainedTable) {
	says := "row level security is off: every row that grants let " + role + " reach"
	switch {
	case t.Active && len(t.Policies) == 0:
		says = "row level security holds, and no policy is for " + role + ": no row"
	case t.Active:
		says = "row level security holds for " + role
	case t.Enabled:
		says = "row level security is passed by " + role
	}
	if !t.Named {
		says += " (reached through a view, a function or a policy; a view reads as its owner, unless it is a security_invoker)"
	}
	fmt.Fprintf(out, "  %s.%s: %s\n", t.Schema, t.Name, says)
	if !t.Active {
		return
	}
	for _, p := range t.Policies {
		kind := ""
		if !p.Permissive {
			kind = "restrictive, "
		}
		fmt.Fprintf(out, "    %s (%sfor %s to %s)\n", p.Name, kind, p.Command, strings.Join(p.Roles, ", "))
		for _, part := range []struct{ word, sql string }{{"using", p.Using}, {"with check", p.WithCheck}} {
			if part.sql != "" {
				fmt.Fprintf(out, "      %s %s\n", part.word, lineBreak.ReplaceAllString(part.sql, " "))
			}
		}
	}
}
