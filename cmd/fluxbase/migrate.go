package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/tern/v2/migrate"
	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/plpgsql"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/sql"
)

// AdminConfig says how the commands for operators reach the database.
type AdminConfig struct {
	AdminURL       string `envconfig:"FLUXBASE_ADMIN_DATABASE_URL" secret:"true" desc:"Who migrates: a superuser, or a role with CREATEROLE that owns the database. Used by migrate and doctor alone; serve never needs it. A direct connection, never through a pooler. Empty: DATABASE_URL."`
	DatabaseURL    string `envconfig:"DATABASE_URL" secret:"true" desc:"An admin's URL too, by the name that hosts and tools give it; the other URLs are derived from it in development and tests."`
	ReplicationURL string `envconfig:"FLUXBASE_REPLICATION_DATABASE_URL" secret:"true" desc:"The login that streams changes (fluxbase_replication). A direct connection, never through a pooler."`
}

// Check reports that no admin URL was given.
func (c *AdminConfig) Check() error {
	if c.url() == "" {
		return errors.New("set FLUXBASE_ADMIN_DATABASE_URL (or DATABASE_URL), for example postgres://postgres:PASSWORD@127.0.0.1:5432/postgres")
	}
	return nil
}

func (c *AdminConfig) url() string {
	if c.AdminURL != "" {
		return c.AdminURL
	}
	return c.DatabaseURL
}

func loadAdminConfig() (*AdminConfig, error) {
	c := new(AdminConfig)
	if errs := parseEnv(c); errs != nil {
		return nil, usageError{errors.Join(errs...)}
	}
	if err := c.Check(); err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

// migrateFlags choose whose migrations: ours, or those of a folder.
type migrateFlags struct{ dir, table string }

func newMigrateCmd() *cobra.Command {
	var f migrateFlags
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring a database up to date: Fluxbase's own schema, or your folder of migrations",
		Long: `Runs numbered SQL files, each once and each in a transaction of its own, and
remembers how far it came in the database. Any number of processes may start it
at once: one works, the others wait and find it done.

Without --dir these are Fluxbase's own files, which are inside this binary; they
are counted in fluxbase.schema_version, and after them the functions are brought
up to date. With --dir they are yours (NNNN_what_changes.sql, tern's format), and
nothing else is touched.

FLUXBASE_ADMIN_DATABASE_URL, else DATABASE_URL, says where.`,
		Example: `  fluxbase migrate up                            # Fluxbase's own schema
  fluxbase migrate new add_tasks --dir migrations   # writes migrations/0001_add_tasks.sql
  fluxbase migrate up --dir migrations           # runs yours
  fluxbase migrate status --dir migrations       # what has run, what has not`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&f.dir, "dir", "", "folder of your own migrations")
	cmd.PersistentFlags().StringVar(&f.table, "table", sql.FolderTable, "where the migrations of --dir are counted; for a folder that tern ran before, tern's public.schema_version")
	cmd.AddCommand(newMigrateUpCmd(&f), newMigrateStatusCmd(&f), newMigrateDownCmd(&f), newMigrateNewCmd(&f))
	return cmd
}

func newMigrateUpCmd(f *migrateFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "Run what has not run yet",
		Long: `Runs every migration that has not run yet.

Fluxbase's own come with three logins. A login named in FLUXBASE_DATABASE_URL,
FLUXBASE_SERVICE_DATABASE_URL or FLUXBASE_REPLICATION_DATABASE_URL gets the password
that stands there (postgres://authenticator:PASSWORD@host/database). For one that is new and not named there, a password is made and
its whole URL printed on standard output: ONCE, because only a hash of it is kept.
A login of that name that was there before Fluxbase keeps its password.`,
		Example: `  fluxbase migrate up >> .env      # keeps the URLs of new logins
  fluxbase migrate up --dir migrations`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd.Context(), func(c *AdminConfig, set sql.Set, conn *pgx.Conn) error {
				if err := migrateUp(cmd.Context(), cmd.ErrOrStderr(), set, conn); err != nil || f.dir != "" {
					return err
				}
				start := time.Now()
				changed, err := plpgsql.Install(cmd.Context(), conn)
				if err != nil {
					return err
				}
				if changed {
					progress(cmd.ErrOrStderr())("functions and policies", time.Since(start))
				}
				return setLogins(cmd.Context(), cmd.OutOrStdout(), c, conn)
			})
		},
	}
}

func newMigrateStatusCmd(f *migrateFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "List the migrations and which have run; exit 1 while one has not",
		Example: `  fluxbase migrate status || fluxbase migrate up`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd.Context(), func(_ *AdminConfig, set sql.Set, conn *pgx.Conn) error {
				return migrateStatus(cmd.Context(), cmd.OutOrStdout(), set, conn, f.dir == "")
			})
		},
	}
}

func newMigrateDownCmd(f *migrateFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "down [N]",
		Short: "Undo the last N migrations (1); for development, their data is lost",
		Long: `Runs what stands below the line of the last migration, or of the last N. What
their tables held is lost. Roles stay, because other databases may use them.`,
		Example: `  fluxbase migrate down --dir migrations      # the last one
  fluxbase migrate down 3 --dir migrations`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n := 1
			if len(args) == 1 {
				var err error
				if n, err = strconv.Atoi(args[0]); err != nil || n < 1 {
					return usage("down %s: give how many migrations to undo, 1 or more", args[0])
				}
			}
			return f.with(cmd.Context(), func(_ *AdminConfig, set sql.Set, conn *pgx.Conn) error {
				return set.Down(cmd.Context(), conn, n, sql.Options{Progress: progress(cmd.ErrOrStderr())})
			})
		},
	}
}

func newMigrateNewCmd(f *migrateFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "new NAME",
		Short:   "Write the next numbered file, with a line for what undoes it",
		Example: `  fluxbase migrate new add_tasks --dir migrations`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := f.dir
			if dir == "" {
				dir = "migrations"
			}
			path, err := newMigration(dir, args[0])
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return err
		},
	}
}

// with opens the database and hands it over together with the chosen migrations.
func (f *migrateFlags) with(ctx context.Context, fn func(*AdminConfig, sql.Set, *pgx.Conn) error) (err error) {
	c, err := loadAdminConfig()
	if err != nil {
		return err
	}
	set := sql.Ours()
	if f.dir != "" {
		if info, err := os.Stat(f.dir); err != nil || !info.IsDir() {
			return usage("--dir %s: there is no such folder; fluxbase migrate new NAME --dir %[1]s makes it", f.dir)
		}
		if set, err = sql.Folder(os.DirFS(f.dir), f.table); err != nil {
			return usageError{err}
		}
	}
	conn, err := sql.Connect(ctx, c.url())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	return fn(c, set, conn)
}

func migrateUp(ctx context.Context, log io.Writer, set sql.Set, conn *pgx.Conn) error {
	before, err := set.Version(ctx, conn)
	if err != nil {
		return err
	}
	if err := set.Up(ctx, conn, sql.Options{Progress: progress(log)}); err != nil {
		return err
	}
	if after, err := set.Version(ctx, conn); err != nil || after == before {
		fmt.Fprintf(log, "up to date: %d migrations have run\n", after)
		return err
	}
	return nil
}

func migrateStatus(ctx context.Context, out io.Writer, set sql.Set, conn *pgx.Conn, ours bool) error {
	list, err := set.Status(ctx, conn)
	if err != nil {
		return err
	}
	pending := 0
	for _, m := range list {
		state := "applied"
		if !m.Applied {
			state = "pending"
			pending++
		}
		fmt.Fprintf(out, "%s  %s\n", state, m.Name)
	}
	if ours && pending == 0 {
		code, err := plpgsql.Load()
		if err != nil {
			return err
		}
		state := "applied"
		if current, err := code.IsCurrent(ctx, conn); err != nil {
			return err
		} else if !current {
			state = "pending"
			pending++
		}
		fmt.Fprintf(out, "%s  functions and policies\n", state)
	}
	if pending > 0 {
		return errReported
	}
	return nil
}

// progress prints a line for each step that is done.
func progress(w io.Writer) func(string, time.Duration) {
	return func(name string, took time.Duration) {
		fmt.Fprintf(w, "%-40s %8s\n", name, took.Round(time.Millisecond))
	}
}

// setLogins gives our logins the passwords of the environment, and prints the URL of
// each that is new and not named there.
func setLogins(ctx context.Context, out io.Writer, c *AdminConfig, conn *pgx.Conn) error {
	var db pg.Config
	if errs := parseEnv(&db); errs != nil {
		return usageError{errors.Join(errs...)}
	}
	variables := []struct{ name, url, role string }{
		{"FLUXBASE_DATABASE_URL", db.DatabaseURL, sql.Authenticator},
		{"FLUXBASE_SERVICE_DATABASE_URL", db.ServiceDatabaseURL, sql.Service},
		{"FLUXBASE_REPLICATION_DATABASE_URL", c.ReplicationURL, sql.Replication},
	}
	var named []string
	for _, v := range variables {
		isNamed, err := setLogin(ctx, conn, v.url, v.role)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		if isNamed {
			named = append(named, v.role)
		}
	}
	made, err := sql.NewPasswords(ctx, conn, named...)
	for _, v := range variables {
		password, ok := made[v.role]
		if !ok {
			continue
		}
		loginURL, urlErr := sql.LoginURL(c.url(), v.role, password)
		err = errors.Join(err, urlErr)
		fmt.Fprintf(out, "%s=%s\n", v.name, loginURL)
	}
	return err
}

// setLogin gives role the password in loginURL. It reports whether the URL names that
// role at all, with a password or without: only a login's own variable sets it, so that
// two cannot disagree.
func setLogin(ctx context.Context, conn *pgx.Conn, loginURL, role string) (named bool, err error) {
	if loginURL == "" {
		return false, nil
	}
	config, err := pgx.ParseConfig(loginURL)
	if err != nil {
		return false, usageError{err} // pgx masks the password
	}
	if config.User != role {
		return false, nil
	}
	// Not config.Password: that may be the admin's, from PGPASSWORD.
	u, err := url.Parse(loginURL)
	if err != nil {
		return true, nil // key=value: names the role, and its password is kept as it is
	}
	password, given := u.User.Password()
	if !given {
		return true, nil
	}
	err = sql.SetPasswords(ctx, conn, map[string]string{role: password})
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == "42501" && canLogIn(ctx, config) {
		return true, nil // someone else's role, and the password is right
	}
	return true, err
}

func canLogIn(ctx context.Context, config *pgx.ConnConfig) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	return err == nil && conn.Close(ctx) == nil
}

const newMigrationText = `-- What changes, and why. One change a file, never edited after it has run anywhere.
--
-- The file runs in one transaction. A statement that refuses to (create index
-- concurrently) goes alone into a file whose first line, without this indent, is
--   ---- tern: disable-tx ----
-- and if it fails, what it did so far stays done.
--
-- The file is read as a Go template: two opening braces in a row begin an action.
-- Write an array of arrays as array[[1,2],[3,4]].

---- create above / drop below ----

-- How to undo it while you develop. Delete the line above if nothing can.
`

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// newMigration writes the next file of dir and returns its path.
func newMigration(dir, name string) (string, error) {
	name = strings.Trim(notInNames.ReplaceAllString(strings.ToLower(name), "_"), "_")
	if name == "" {
		return "", usage("give the migration a name that says what changes, such as add_tasks")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the folder of migrations: %w", err)
	}
	names, err := migrate.FindMigrations(os.DirFS(dir))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", dir, err)
	}
	path := filepath.Join(dir, fmt.Sprintf("%04d_%s.sql", len(names)+1, name))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fs.FileMode(0o644))
	if err != nil {
		return "", fmt.Errorf("write the migration: %w", err)
	}
	_, err = file.WriteString(newMigrationText)
	return path, errors.Join(err, file.Close())
}
