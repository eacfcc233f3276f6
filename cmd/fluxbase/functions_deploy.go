package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/source"
	"github.com/fluxbase/fluxbase/proxy/functions"
	"github.com/fluxbase/fluxbase/sql"
)

func newFunctionsCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "functions",
		Short: "Deploy edge functions, read their logs, roll back, set their secrets",
		Long: `Functions are served at /functions/v1/NAME by every process of fluxbase serve, from the
moment on that they are deployed. Each command calls a function of schema functions,
which psql may call as well; docs/how-to/deploy-functions.md has both.

FLUXBASE_ADMIN_DATABASE_URL, else DATABASE_URL, says where.`,
	}
	cmd.AddCommand(newFunctionsDeployCmd(), newFunctionsServeCmd(), newFunctionsListCmd(), newFunctionsLogsCmd(), newFunctionsVersionsCmd(),
		newFunctionsRollbackCmd(), newFunctionsDeleteCmd(), newFunctionsSecretsCmd())
	return cmd
}

// deployment is what the flags of deploy say.
type deployment struct {
	dir, importMap, note string
	open                 bool // no verify_jwt
}

func newFunctionsDeployCmd() *cobra.Command {
	var d deployment
	cmd := &cobra.Command{
		Use:   "deploy [NAME...]",
		Short: "Deploy functions from a folder, all of them if none is named",
		Long: `Takes NAME/index.ts and whatever it imports from files. Where it imports packages
(npm:, jsr:, https: or names of an import map), all of it is bundled into one file by
Deno, on this machine, so that a server needs no network to start it: deno.json,
import_map.json and deno.lock beside the function, or beside all functions, are heeded.

supabase/config.toml, beside the folder, is read as Supabase's CLI does: of
[functions.NAME] verify_jwt, enabled, entrypoint, import_map and static_files. What is
not said of verify_jwt stays as it was, and is true for a new function: a caller needs
a key or a token of a user.

What is the same as what is deployed makes no new version.`,
		Example: `  fluxbase functions deploy                        # all below supabase/functions
  fluxbase functions deploy hello --note "$(git rev-parse --short HEAD)"
  fluxbase functions deploy stripe-webhook --no-verify-jwt`,
		RunE: func(cmd *cobra.Command, names []string) error {
			return d.run(cmd.Context(), cmd.OutOrStdout(), names)
		},
	}
	cmd.Flags().StringVar(&d.dir, "dir", "supabase/functions", "the folder that has a folder for each function")
	cmd.Flags().BoolVar(&d.open, "no-verify-jwt", false, "let requests in without a key or a token, as webhooks of others are")
	cmd.Flags().StringVar(&d.importMap, "import-map", "", "an import map or a deno.json, instead of those in the folder")
	cmd.Flags().StringVar(&d.note, "note", "", "what to say of the version, such as a commit")
	return cmd
}

// run makes all versions before it deploys the first.
func (d *deployment) run(ctx context.Context, out io.Writer, names []string) error {
	folder, err := source.Open(d.dir)
	if err != nil {
		return usageError{err}
	}
	if len(names) == 0 {
		if names, err = folder.Names(); err != nil {
			return err
		}
		if len(names) == 0 {
			return usage("there is no function in %s: the first would be %s/hello/index.ts", d.dir, d.dir)
		}
	}
	deno := findDeno(functions.Config{Deno: os.Getenv("FLUXBASE_DENO_BIN")})
	versions := make([]*source.Version, len(names))
	for i, name := range names {
		began := time.Now()
		if versions[i], err = folder.Read(ctx, name, source.Options{Deno: deno, ImportMap: d.importMap}); err != nil {
			return err
		}
		if versions[i].Bundled {
			fmt.Fprintf(out, "%s: bundled %d file(s) and their packages, %s, in %s\n", name, len(versions[i].Sources), sized(versions[i]), time.Since(began).Round(10*time.Millisecond))
		}
	}
	return asService(ctx, func(conn *pgx.Conn) error {
		for i, name := range names {
			if err := d.deploy(ctx, out, conn, name, versions[i]); err != nil {
				return fmt.Errorf("deploy %s: %w", name, err)
			}
		}
		return nil
	})
}

func (d *deployment) deploy(ctx context.Context, out io.Writer, conn *pgx.Conn, name string, v *source.Version) error {
	files, err := json.Marshal(packed(v.Files))
	if err != nil {
		return err
	}
	verify := v.VerifyJWT
	if d.open {
		verify = new(bool)
	}
	var note *string
	if d.note != "" {
		note = &d.note
	}
	// What is there before is only for what is said: the function itself decides.
	var before, version int
	const active = `select coalesce((select f.active from functions.functions as f where f.name = $1), 0)`
	if err := conn.QueryRow(ctx, active, name).Scan(&before); err != nil {
		return refusal(err)
	}
	const deploy = `select functions.deploy($1, $2, $3, $4, note => $5)`
	if err := conn.QueryRow(ctx, deploy, name, files, v.Entrypoint, verify, note).Scan(&version); err != nil {
		return refusal(err)
	}
	if version == before {
		fmt.Fprintf(out, "%s: unchanged, version %d\n", name, version)
		return nil
	}
	fmt.Fprintf(out, "%s: version %d is deployed, %d file(s), %s\n", name, version, len(v.Files), sized(v))
	return nil
}

// packed are files as functions.deploy takes them.
func packed(files map[string][]byte) map[string]any {
	all := make(map[string]any, len(files))
	for path, content := range files {
		if utf8.Valid(content) && !bytesHaveNUL(content) {
			all[path] = string(content)
		} else {
			all[path] = map[string]string{"base64": base64.StdEncoding.EncodeToString(content)}
		}
	}
	return all
}

// bytesHaveNUL tells what no text of Postgres may hold.
func bytesHaveNUL(content []byte) bool {
	for _, b := range content {
		if b == 0 {
			return true
		}
	}
	return false
}

func sized(v *source.Version) string {
	size := 0
	for _, content := range v.Files {
		size += len(content)
	}
	return size64(int64(size))
}

func size64(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// refusal is an error of the database as people read it.
func refusal(err error) error {
	var fault *pgconn.PgError
	switch {
	case !errors.As(err, &fault) || fault.Code[:2] == "42":
		return sql.Explain(err)
	case fault.Hint != "":
		return fmt.Errorf("%s; %s", fault.Message, fault.Hint)
	}
	return errors.New(fault.Message)
}

func newFunctionsListCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the functions that are deployed",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			const ask = `select l.name, l.version::text, l.verify_jwt, l.bytes, l.deployed_at, coalesce(l.note, '') from functions.list() as l`
			return table(cmd, "NAME\tVERSION\tVERIFY JWT\tSIZE\tDEPLOYED\tNOTE", ask, nil, func(row pgx.CollectableRow) (string, error) {
				var name, version, note string
				var verify bool
				var size int64
				var at time.Time
				err := row.Scan(&name, &version, &verify, &size, &at, &note)
				return fmt.Sprintf("%s\t%s\t%t\t%s\t%s\t%s", name, version, verify, size64(size), at.UTC().Format(time.DateTime), note), err
			})
		},
	}
}

// table prints the rows of a query.
func table(cmd *cobra.Command, head, ask string, args []any, line func(pgx.CollectableRow) (string, error)) error {
	return asService(cmd.Context(), func(conn *pgx.Conn) error {
		rows, err := conn.Query(cmd.Context(), ask, args...)
		if err != nil {
			return refusal(err)
		}
		lines, err := pgx.CollectRows(rows, line)
		if err != nil {
			return refusal(err)
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, head)
		for _, l := range lines {
			fmt.Fprintln(w, l)
		}
		return w.Flush()
	})
}

func newFunctionsVersionsCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "versions NAME",
		Short: "List the versions of a function that are kept",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			const ask = `select v.version, v.is_active, v.files, v.bytes, v.deployed_at, v.deployed_by, coalesce(v.note, '') from functions.versions($1) as v`
			return table(cmd, "VERSION\tACTIVE\tFILES\tSIZE\tDEPLOYED\tBY\tNOTE", ask, []any{args[0]}, func(row pgx.CollectableRow) (string, error) {
				var version, files int
				var active bool
				var size int64
				var at time.Time
				var by, note string
				err := row.Scan(&version, &active, &files, &size, &at, &by, &note)
				return fmt.Sprintf("%d\t%t\t%d\t%s\t%s\t%s\t%s", version, active, files, size64(size), at.UTC().Format(time.DateTime), by, note), err
			})
		},
	}
}

func newFunctionsRollbackCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "rollback NAME [VERSION]",
		Short: "Have a version of a function answer that was deployed before",
		Long: `Without VERSION it is the last one before the active one. Settings such as verify_jwt
stay as they are. fluxbase functions versions NAME lists what there is.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var version *int
			if len(args) == 2 {
				n, err := strconv.Atoi(args[1])
				if err != nil || n != int(int32(n)) {
					return usage("VERSION is a number, as fluxbase functions versions %s lists it", args[0])
				}
				version = &n
			}
			return asService(cmd.Context(), func(conn *pgx.Conn) error {
				var active int
				if err := conn.QueryRow(cmd.Context(), `select functions.rollback($1, $2)`, args[0], version).Scan(&active); err != nil {
					return refusal(err)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: version %d answers\n", args[0], active)
				return nil
			})
		},
	}
}

func newFunctionsDeleteCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a function with all its versions",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return asService(cmd.Context(), func(conn *pgx.Conn) error {
				var there bool
				if err := conn.QueryRow(cmd.Context(), `select functions.delete($1)`, args[0]).Scan(&there); err != nil {
					return refusal(err)
				}
				if !there {
					return fmt.Errorf("there is no function %s; fluxbase functions list names those that are deployed", args[0])
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s is deleted\n", args[0])
				return nil
			})
		},
	}
}
