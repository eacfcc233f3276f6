package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy/jobs/dispatch"
	"github.com/fluxbase/fluxbase/proxy/pg"
)

// finding is one line of the doctor's.
type finding struct {
	Level level  `json:"level"`
	What  string `json:"what"`
	// Mend is a command or SQL that can be pasted.
	Mend string `json:"mend,omitempty"`
}

type level string

const (
	levelOK   level = "ok"
	levelWarn level = "warn"
	levelFail level = "fail"
)

// doctor examines one database.
type doctor struct {
	admin   *AdminConfig
	db      pg.Config
	modules Config
	jobs    dispatch.Config
	conn    *pgx.Conn

	findings []finding
}

// report notes a finding; what is a format of its arguments.
func (d *doctor) report(l level, mend, what string, args ...any) {
	d.findings = append(d.findings, finding{l, fmt.Sprintf(what, args...), mend})
}

// unlessRest is fail, but a warning where just tables and functions are served: they
// need nothing of ours in the database and no stream.
func (d *doctor) unlessRest() level {
	if slices.Equal(d.modules.Modules, []string{"rest"}) {
		return levelWarn
	}
	return levelFail
}

func newDoctorCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what a database lacks for Fluxbase, and how to mend it",
		Long: `Looks at a database and changes nothing: version, logical replication, roles and
what they may become, connections, what of Fluxbase is installed, tables that are open
to everyone. Each finding comes with the SQL or command that mends it.

FLUXBASE_ADMIN_DATABASE_URL, else DATABASE_URL, says where; the other FLUXBASE_..._URL
are tried when they are set. Exit status: 0 nothing failed, 1 something did, 2 the call
or the environment is wrong.`,
		Example: `  fluxbase doctor
  fluxbase doctor --json | jq '.[] | select(.level != "ok")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := newDoctor()
			if err != nil {
				return err
			}
			if err := d.examine(cmd.Context()); err != nil {
				return err
			}
			return d.print(cmd.OutOrStdout(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as a JSON array of {level, what, mend}")
	return cmd
}

func newDoctor() (*doctor, error) {
	admin, err := loadAdminConfig()
	if err != nil {
		return nil, err
	}
	d := &doctor{admin: admin}
	errs := slices.Concat(parseEnv(&d.db), parseEnv(&d.modules), parseEnv(&d.jobs))
	if len(errs) > 0 {
		return nil, usageError{errors.Join(errs...)}
	}
	if err := d.jobs.Check(); err != nil {
		return nil, usageError{err}
	}
	return d, nil
}

// examine runs the checks, each a question or two to the database.
func (d *doctor) examine(ctx context.Context) (err error) {
	if !d.reach(ctx) {
		return nil
	}
	defer func() { err = errors.Join(err, d.conn.Close(context.WithoutCancel(ctx))) }()
	for _, check := range []struct {
		what string
		run  func(context.Context) error
	}{
		{"the server", d.checkServer},
		{"replication", d.checkReplication},
		{"roles", d.checkRoles},
		{"memberships", d.checkMemberships},
		{"connections", d.checkConnections},
		{"what is installed", d.checkInstalled},
		{"the change stream", d.checkStream},
		{"jobs", d.checkJobs},
		{"exposed tables", d.checkTables},
		{"the logins", d.checkLogins},
		{"functions", d.checkFunctions},
	} {
		if err := check.run(ctx); err != nil {
			return fmt.Errorf("look at %s: %w", check.what, err)
		}
	}
	return nil
}

// reach connects as the admin. A plain connection: what a pooler refuses is a finding.
func (d *doctor) reach(ctx context.Context) bool {
	conn, err := dial(ctx, d.admin.url())
	if err != nil {
		d.report(levelFail, "check host, port, password and pg_hba.conf; the admin's URL is FLUXBASE_ADMIN_DATABASE_URL",
			"the database cannot be reached: %v", err)
		return false
	}
	d.conn = conn
	if pooled, err := behindPooler(ctx, conn); err == nil && pooled {
		d.report(levelFail, "give FLUXBASE_ADMIN_DATABASE_URL the host and port of Postgres itself",
			"the admin's URL leads to a connection pooler; migrations need Postgres itself")
	}
	return true
}

func dial(ctx context.Context, url string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return pgx.Connect(ctx, url)
}

// behindPooler compares the process that answers with the one that the connection was
// told of for cancelling: a pooler makes up the second.
func behindPooler(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var pid uint32
	err := conn.QueryRow(ctx, `select pg_backend_pid()`, pgx.QueryExecModeSimpleProtocol).Scan(&pid)
	return pid != conn.PgConn().PID(), err
}

func (d *doctor) print(out io.Writer, asJSON bool) error {
	failed, warned := 0, 0
	for _, f := range d.findings {
		switch f.Level {
		case levelFail:
			failed++
		case levelWarn:
			warned++
		}
	}
	if asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(d.findings); err != nil {
			return err
		}
	} else {
		for _, f := range d.findings {
			fmt.Fprintf(out, "%-4s  %s\n", f.Level, f.What)
			if f.Mend != "" {
				fmt.Fprintf(out, "      mend: %s\n", strings.ReplaceAll(f.Mend, "\n", "\n            "))
			}
		}
		fmt.Fprintf(out, "\n%d failed, %d warnings\n", failed, warned)
	}
	if failed > 0 {
		return errReported
	}
	return nil
}
