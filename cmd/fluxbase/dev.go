package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/cluster"
	"github.com/fluxbase/fluxbase/cmd/fluxbase/demo"
	"github.com/fluxbase/fluxbase/plpgsql"
	"github.com/fluxbase/fluxbase/proxy"
	"github.com/fluxbase/fluxbase/sql"
)

func newDevCmd() *cobra.Command {
	d := new(dev)
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a backend to develop against: private Postgres, demo schema, server",
		Long: `Starts a Postgres of its own (of FLUXBASE_PG_BIN, the system's packages, PATH, or
downloaded), installs Fluxbase and a demo schema of notes, and serves it. It
prints keys and two curl lines that work. Ctrl-C stops all; the data stays in
.fluxbase and is there at the next start.

With DATABASE_URL set it uses that database instead of one of its own; the demo
is then loaded only if its schema public has no tables. Variables that you set
yourself (FLUXBASE_JWT_SECRET, FLUXBASE_SERVER_PORT, ...) are kept.`,
		Example: `  fluxbase dev
  fluxbase dev --dir migrations       # your own schema in place of the demo
  FLUXBASE_SERVER_PORT=9000 fluxbase dev --data /tmp/second`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.out, d.log = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&d.dir, "dir", "", "folder of your own migrations, in place of the demo")
	cmd.Flags().StringVar(&d.data, "data", ".fluxbase", "folder for the database and the generated secrets")
	return cmd
}

// dev is one run of the command.
type dev struct {
	dir, data string
	out, log  io.Writer

	state   *devState
	cluster *devCluster // nil with DATABASE_URL
	admin   string      // the administrator's URL of the database
	hasDemo bool
}

// step does one thing that takes time and then tells how long it took.
func (d *dev) step(name string, do func() error) error {
	start := time.Now()
	if err := do(); err != nil {
		return err
	}
	progress(d.log)(name, time.Since(start))
	return nil
}

func (d *dev) say(text string) { fmt.Fprintln(d.log, text) }

func (d *dev) run(ctx context.Context) (err error) {
	admin, err := d.check(ctx)
	if err != nil {
		return err
	}
	if d.state, err = loadDevState(d.data); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	server := foreignServer(admin)
	if admin == "" {
		server = privateServer
		if d.cluster, err = startDevCluster(ctx, d.data, d.say); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.cluster.stop()) }()
		d.cluster.watch(cancel)
		admin = d.cluster.url("postgres")
	}
	if err := d.install(ctx, admin, server); err != nil {
		return err
	}
	if err := d.environment(server); err != nil {
		return err
	}
	err = serve(ctx, flags{plain: true}, d.log, func(set *settings, baseURL string) { d.summary(ctx, set, baseURL) })
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// check finds what would fail later, before anything slow begins. It returns the
// administrator's URL if the environment has one.
func (d *dev) check(ctx context.Context) (admin string, err error) {
	if d.dir != "" {
		if info, err := os.Stat(d.dir); err != nil || !info.IsDir() {
			return "", usage("--dir %s: there is no such folder; fluxbase migrate new NAME --dir %[1]s makes it", d.dir)
		}
	}
	var config AdminConfig
	var server proxy.Config
	if errs := append(parseEnv(&config), parseEnv(&server)...); errs != nil {
		return "", usageError{errors.Join(errs...)}
	}
	admin = config.url()
	if url := os.Getenv("FLUXBASE_DATABASE_URL"); admin == "" && url != "" {
		return "", usage("FLUXBASE_DATABASE_URL is set, but dev would make a database of its own: unset it, or set DATABASE_URL to the administrator's URL of the same database")
	}
	// Of two reasons not to start, that this folder is served already is the better
	// one to hear; then the cluster's own start says so.
	l, err := (&settings{Server: server}).public().listen(ctx)
	if err == nil {
		return admin, l.Close()
	}
	if admin == "" && !cluster.Free(d.data) {
		return "", nil
	}
	return "", err
}

// install brings the database to where the server can serve it.
func (d *dev) install(ctx context.Context, admin, server string) (err error) {
	if d.cluster != nil {
		if admin, err = ensureDatabase(ctx, d.cluster); err != nil {
			return err
		}
	}
	d.admin = admin
	conn, err := sql.Connect(ctx, admin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	if err := sql.Migrate(ctx, conn, sql.Options{Progress: progress(d.log)}); err != nil {
		return err
	}
	err = d.step("functions and policies", func() error {
		_, err := plpgsql.Install(ctx, conn)
		return err
	})
	if err != nil {
		return err
	}
	if err := d.logins(ctx, conn, server); err != nil {
		return err
	}
	return d.schema(ctx, conn)
}

// schema runs the user's migrations, or the demo's where it is in nobody's way.
func (d *dev) schema(ctx context.Context, conn *pgx.Conn) error {
	var files fs.FS = demo.Migrations
	table := demo.Table
	if d.dir != "" {
		files, table = os.DirFS(d.dir), sql.FolderTable
	}
	set, err := sql.Folder(files, table)
	if err != nil {
		return err
	}
	if d.dir == "" {
		version, err := set.Version(ctx, conn)
		if err != nil {
			return err
		}
		var occupied bool
		const ask = `select exists (select from pg_catalog.pg_tables where schemaname = 'public')`
		if err := conn.QueryRow(ctx, ask).Scan(&occupied); err != nil {
			return fmt.Errorf("look for tables: %w", err)
		}
		if version == 0 && occupied {
			d.say("there are tables in schema public: the demo stays out")
			return nil
		}
		d.hasDemo = true
	}
	return set.Up(ctx, conn, sql.Options{Progress: progress(d.log)})
}

// logins sees to it that our logins have passwords which this run knows. On a
// server that is not ours only logins that never had one are given one.
func (d *dev) logins(ctx context.Context, conn *pgx.Conn, server string) error {
	known := d.state.logins(server)
	if d.cluster != nil {
		for _, role := range sql.Logins() {
			if known[role] == "" {
				known[role] = newSecret()
			}
		}
		if err := d.state.save(); err != nil {
			return err
		}
		return sql.SetPasswords(ctx, conn, known)
	}
	given := map[string]string{sql.Authenticator: "FLUXBASE_DATABASE_URL", sql.Service: "FLUXBASE_SERVICE_DATABASE_URL"}
	var mine []string
	for role, variable := range given {
		if os.Getenv(variable) != "" {
			mine = append(mine, role)
		}
	}
	made, err := sql.NewPasswords(ctx, conn, mine...)
	for role, password := range made {
		known[role] = password
	}
	if err := errors.Join(err, d.state.save()); err != nil {
		return err
	}
	var errs []error
	for role, variable := range given {
		if known[role] == "" && os.Getenv(variable) == "" {
			errs = append(errs, fmt.Errorf("role %s was on this server before, with a password that only you know: set %s=postgres://%s:PASSWORD@HOST/DATABASE", role, variable, role))
		}
	}
	return errors.Join(errs...)
}
