// Package sql holds what the database must remember: numbered migrations in tern's
// format, run once each. Functions, policies and views are not here but in package
// plpgsql, because they can be replaced as a whole.
//
// The same machinery runs an application's own folder of migrations (see Folder),
// counted in a table of its own.
package sql

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"
)

//go:embed *.sql
var files embed.FS

const (
	// OursTable counts Fluxbase's own migrations.
	OursTable = "fluxbase.schema_version"
	// FolderTable counts an application's migrations unless it names another table.
	FolderTable = "fluxbase.user_schema_version"
)

// Set is a series of migrations and the table that says how many of them ran.
type Set struct {
	files fs.FS
	table string
}

// Migration is one file of a Set.
type Migration struct {
	Number  int
	Name    string
	Applied bool
}

// Options are for who watches a migration.
type Options struct {
	// Progress hears of each migration when it has run; nil is silence.
	Progress func(name string, took time.Duration)
}

// Ours is the set of migrations that this binary holds.
func Ours() Set { return Set{files: files, table: OursTable} }

var tableName = regexp.MustCompile(`^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$`)

// Folder is an application's own set: the files NNNN_name.sql of fsys, counted in
// table, which is "schema.table" in plain lower-case letters; empty is FolderTable.
func Folder(fsys fs.FS, table string) (Set, error) {
	if table == "" {
		table = FolderTable
	}
	if !tableName.MatchString(table) {
		return Set{}, fmt.Errorf("version table %q: write schema.table in lower-case letters, digits and _", table)
	}
	if table == OursTable {
		return Set{}, fmt.Errorf("version table %s counts Fluxbase's own migrations; name another", table)
	}
	return Set{files: fsys, table: table}, nil
}

// Migrate brings the database behind conn up to this binary's migrations. The code
// package comes after it: plpgsql.Install.
func Migrate(ctx context.Context, conn *pgx.Conn, opts Options) error {
	return Ours().Up(ctx, conn, opts)
}

// Up runs what has not run yet, each migration in a transaction of its own. Several
// processes may call it at once: one works, the others wait and find it done. It
// takes no lock when there is nothing to do.
func (s Set) Up(ctx context.Context, conn *pgx.Conn, opts Options) error {
	m, err := s.load()
	if err != nil {
		return err
	}
	last := len(m.Migrations)
	if version, err := s.applied(ctx, conn, last); err != nil || version == last {
		return err
	}
	if s.table == OursTable {
		if err := RefuseExtension(ctx, conn); err != nil {
			return err
		}
	}
	return Locked(ctx, conn, func() error {
		if err := s.prepare(ctx, conn); err != nil {
			return err
		}
		version, err := s.applied(ctx, conn, last)
		if err != nil {
			return err
		}
		for ; version < last; version++ {
			if err := s.step(ctx, conn, m, version+1, m.Migrations[version].Name, opts); err != nil {
				return err
			}
		}
		return nil
	})
}

// Down undoes the last n migrations, latest first. It is for development: what the
// undone tables held is gone, and roles stay.
func (s Set) Down(ctx context.Context, conn *pgx.Conn, n int, opts Options) error {
	m, err := s.load()
	if err != nil {
		return err
	}
	if s.table == OursTable {
		if err := RefuseExtension(ctx, conn); err != nil {
			return err
		}
	}
	return Locked(ctx, conn, func() error {
		version, err := s.applied(ctx, conn, len(m.Migrations))
		if err != nil {
			return err
		}
		if n < 1 || n > version {
			return fmt.Errorf("undo %d migrations: %d have run", n, version)
		}
		if s.table == OursTable {
			if err := forgetCode(ctx, conn); err != nil {
				return err
			}
		}
		for ; n > 0; n, version = n-1, version-1 {
			if err := s.step(ctx, conn, m, version-1, m.Migrations[version-1].Name, opts); err != nil {
				return err
			}
		}
		return nil
	})
}

// forgetCode makes the next plpgsql.Install install: what is undone here may take a
// policy or a trigger of the code package with it.
func forgetCode(ctx context.Context, conn *pgx.Conn) error {
	const forget = `do $$
	begin
	  if to_regclass('fluxbase.code') is not null then
	    delete from fluxbase.code;
	  end if;
	end;
	$$`
	_, err := conn.Exec(ctx, forget)
	return Explain(err)
}

// Status lists the set's migrations and whether each has run.
func (s Set) Status(ctx context.Context, conn *pgx.Conn) ([]Migration, error) {
	m, err := s.load()
	if err != nil {
		return nil, err
	}
	version, err := s.applied(ctx, conn, len(m.Migrations))
	if err != nil {
		return nil, err
	}
	list := make([]Migration, len(m.Migrations))
	for i, migration := range m.Migrations {
		list[i] = Migration{Number: i + 1, Name: migration.Name, Applied: i < version}
	}
	return list, nil
}

// Version is how many migrations of the set have run; 0 when none ever did.
func (s Set) Version(ctx context.Context, conn *pgx.Conn) (int, error) {
	var exists bool
	if err := conn.QueryRow(ctx, `select to_regclass($1) is not null`, s.table).Scan(&exists); err != nil || !exists {
		return 0, Explain(err)
	}
	var version int
	if err := conn.QueryRow(ctx, `select version from `+s.table).Scan(&version); err != nil {
		return 0, fmt.Errorf("read %s: %w", s.table, Explain(err))
	}
	return version, nil
}

// load reads and renders the files. Without a connection tern creates nothing.
func (s Set) load() (*migrate.Migrator, error) {
	m, err := migrate.NewMigrator(context.Background(), nil, s.table)
	if err != nil {
		return nil, err
	}
	err = m.LoadMigrations(s.files)
	switch {
	case err == nil:
		return m, nil
	case errors.As(err, new(migrate.NoMigrationsFoundError)):
		return nil, errors.New("there are no migrations here; make the first with: fluxbase migrate new NAME")
	}
	// tern names neither the file nor the rule; it stopped at the one after the last
	// that it kept.
	names, findErr := migrate.FindMigrations(s.files)
	switch {
	case findErr != nil || len(m.Migrations) >= len(names):
		return nil, fmt.Errorf("read the folder of migrations: %w", err)
	case errors.Is(err, migrate.ErrNoFwMigration):
		return nil, fmt.Errorf("%s holds no statement yet", names[len(m.Migrations)])
	}
	return nil, fmt.Errorf("%s: %w; migrations are Go templates, in which two opening braces begin an action: "+
		"write array[[1,2],[3,4]] for an array of arrays", names[len(m.Migrations)], err)
}

// applied is Version, checked against the number of migrations that we know.
func (s Set) applied(ctx context.Context, conn *pgx.Conn, known int) (int, error) {
	version, err := s.Version(ctx, conn)
	if err != nil {
		return 0, err
	}
	if version > known {
		return 0, fmt.Errorf("%s says that %d migrations have run, and only %d are known here: "+
			"a newer release was at work; use that one", s.table, version, known)
	}
	return version, nil
}

// prepareSQL makes the version table as tern expects it, and closed to everyone.
const prepareSQL = `create schema if not exists %s;
create table if not exists %[2]s (version integer not null);
insert into %[2]s (version) select 0 where not exists (select from %[2]s);
alter table %[2]s enable row level security;
comment on table %[2]s is 'How many migrations have run; kept by fluxbase migrate.';
comment on column %[2]s.version is 'The number of the last migration that ran.';
`

func (s Set) prepareSQL() string {
	schema, _, _ := strings.Cut(s.table, ".")
	return fmt.Sprintf(prepareSQL, schema, s.table)
}

// prepare makes the version table where it is missing. One that is there, perhaps
// from tern's own command, stays as it is.
func (s Set) prepare(ctx context.Context, conn *pgx.Conn) error {
	var exists bool
	if err := conn.QueryRow(ctx, `select to_regclass($1) is not null`, s.table).Scan(&exists); err != nil || exists {
		return Explain(err)
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, s.prepareSQL()); err != nil {
			return fmt.Errorf("make %s: %w", s.table, Explain(err))
		}
		return nil
	})
}

// step moves the database to one version up or down, and reports it.
func (s Set) step(ctx context.Context, conn *pgx.Conn, loaded *migrate.Migrator, to int, name string, opts Options) error {
	start := time.Now()
	m, err := migrate.NewMigrator(ctx, conn, s.table)
	if err != nil {
		return fmt.Errorf("%s: %w", name, Explain(err))
	}
	m.Migrations = loaded.Migrations
	if err := m.MigrateTo(ctx, int32(to)); err != nil {
		if errors.As(err, new(migrate.IrreversibleMigrationError)) {
			return fmt.Errorf("%s has nothing below its line that would undo it", name)
		}
		return fmt.Errorf("%s: %w", name, Explain(err))
	}
	if opts.Progress != nil {
		opts.Progress(name, time.Since(start))
	}
	return nil
}

// Len is how many migrations the set has.
func (s Set) Len() (int, error) {
	m, err := s.load()
	if err != nil {
		return 0, err
	}
	return len(m.Migrations), nil
}

// Script is the set as text, for psql and for create extension: what makes the version
// table, and what each migration runs, in order.
func (s Set) Script() (prepare string, forward []string, err error) {
	m, err := s.load()
	if err != nil {
		return "", nil, err
	}
	for _, migration := range m.Migrations {
		forward = append(forward, "-- "+migration.Name+"\n"+migration.UpSQL)
	}
	return s.prepareSQL(), forward, nil
}
