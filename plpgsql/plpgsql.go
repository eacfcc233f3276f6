// Package plpgsql holds what can be replaced in the database: functions, triggers,
// policies, views. One file each, folder = schema, named in install.sql. It is
// installed as a whole after the migrations of package sql, in one transaction.
package plpgsql

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"

	migrations "github.com/fluxbase/fluxbase/sql"
)

//go:embed *.sql */*.sql
var files embed.FS

// Code is the rendered text of the whole package.
type Code struct {
	SQL string
	// Hash is SHA-256, in hexadecimal, of SQL and of the number of migrations under
	// it: a new migration may make a table anew, and its policies are gone then
	// although this text is the same.
	Hash string
}

// Load renders install.sql.
func Load() (Code, error) {
	loaded, err := migrate.LoadCodePackage(files)
	if err != nil {
		return Code{}, fmt.Errorf("read the code package: %w", err)
	}
	text, err := loaded.Eval(nil)
	if err != nil {
		return Code{}, fmt.Errorf("render install.sql: %w", err)
	}
	count, err := migrations.Ours().Len()
	if err != nil {
		return Code{}, err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n-- after migration %d\n", text, count))
	return Code{SQL: text, Hash: hex.EncodeToString(sum[:])}, nil
}

// Remember is the statement that stores the hash. It runs in the transaction that
// installs the code.
func (c Code) Remember() string {
	return fmt.Sprintf(`insert into fluxbase.code as c (hash)
values ('%s')
on conflict (is_only) do update
set hash = excluded.hash,
    installed_at = now();
`, c.Hash)
}

// Install puts the code into a migrated database, and reports whether it had to: an
// unchanged text is found by its hash, without any lock.
func Install(ctx context.Context, conn *pgx.Conn) (changed bool, err error) {
	code, err := Load()
	if err != nil {
		return false, err
	}
	current, err := code.IsCurrent(ctx, conn)
	if err != nil || current {
		return false, err
	}
	if err := migrations.RefuseExtension(ctx, conn); err != nil {
		return false, err
	}
	err = migrations.Locked(ctx, conn, func() error {
		// The process that we waited for may have done it.
		if current, err = code.IsCurrent(ctx, conn); err != nil || current {
			return err
		}
		if err := migrate.LockExecTx(ctx, conn, code.SQL+code.Remember()); err != nil {
			return fmt.Errorf("install the code package: %w", migrations.Explain(err))
		}
		return nil
	})
	return err == nil && !current, err
}

// IsCurrent says whether the database holds this code. A database that was never
// migrated, or not as far as this binary, is an error that says so.
func (c Code) IsCurrent(ctx context.Context, conn *pgx.Conn) (bool, error) {
	ours := migrations.Ours()
	version, err := ours.Version(ctx, conn)
	if err != nil {
		return false, err
	}
	want, err := ours.Len()
	if err != nil {
		return false, err
	}
	if version != want {
		return false, fmt.Errorf("%d of %d migrations have run; run: fluxbase migrate up", version, want)
	}
	var current bool
	err = conn.QueryRow(ctx, `select exists (select from fluxbase.code where hash = $1)`, c.Hash).Scan(&current)
	if err != nil {
		return false, fmt.Errorf("read fluxbase.code: %w", migrations.Explain(err))
	}
	return current, nil
}
