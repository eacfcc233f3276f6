package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/sql"
)

// resealBatch bounds a transaction, and so how long anybody waits for its rows.
const resealBatch = 500

func newKeysRotateCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate",
		Short: "Seal all secrets in the database under the first key of FLUXBASE_ENCRYPTION_KEY",
		Long: `Goes through everything that is sealed in the database and seals it again under
the first key of FLUXBASE_ENCRYPTION_KEY, so that the others can be left out. It can
be run again at any time, and while the server works.

To change the key: put the new one behind the old one (OLD,NEW) in every process,
then before it (NEW,OLD), run this, and leave the old one out. FLUXBASE_ADMIN_DATABASE_URL,
else DATABASE_URL, says where. What does not open is named, left as it is, and ends
this with status 1.`,
		Example: `  FLUXBASE_ENCRYPTION_KEY=$NEW,$OLD fluxbase keys rotate`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withSealed(cmd.Context(), func(keys *seal.Keys, conn *pgx.Conn) error {
				return reseal(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), keys, conn)
			})
		},
	}
}

// withSealed is withAdmin for work that needs the keys too.
func withSealed(ctx context.Context, work func(*seal.Keys, *pgx.Conn) error) error {
	keys, err := sealKeys()
	if err != nil {
		return err
	}
	return withAdmin(ctx, func(conn *pgx.Conn) error { return work(keys, conn) })
}

// sealKeys are those of FLUXBASE_ENCRYPTION_KEY.
func sealKeys() (*seal.Keys, error) {
	var cfg seal.Config
	if errs := parseEnv(&cfg); errs != nil {
		return nil, usageError{errors.Join(errs...)}
	}
	keys, err := seal.New(cfg)
	if err != nil {
		return nil, usageError{err}
	}
	return keys, nil
}

// withAdmin does work as an administrator who has become the owner of our tables.
func withAdmin(ctx context.Context, work func(*pgx.Conn) error) error {
	c, err := loadAdminConfig()
	if err != nil {
		return err
	}
	conn, err := sql.Connect(ctx, c.url())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `set role fluxbase_admin`); err != nil {
		return fmt.Errorf("become fluxbase_admin: %w", err)
	}
	err = work(conn)
	if fault := (*pgconn.PgError)(nil); errors.As(err, &fault) && fault.Hint != "" {
		return fmt.Errorf("%s. %s", fault.Message, fault.Hint)
	}
	return err
}

// reseal goes through all columns. What it can't open it names, and goes on.
func reseal(ctx context.Context, out, errOut io.Writer, keys *seal.Keys, conn *pgx.Conn) error {
	sealed, failed := 0, 0
	for _, column := range seal.Columns {
		var there bool
		if err := conn.QueryRow(ctx, `select to_regclass($1) is not null`, column.Table).Scan(&there); err != nil {
			return fmt.Errorf("look for %s: %w", column.Table, err)
		}
		if !there {
			continue
		}
		r := resealer{column: column, keys: keys, errOut: errOut}
		if err := r.run(ctx, conn); err != nil {
			return fmt.Errorf("seal %s.%s: %w", column.Table, column.Name, err)
		}
		if r.seen > 0 {
			fmt.Fprintf(out, "%s.%s: %d sealed again under %s, %d in all\n", column.Table, column.Name, r.done, keys.ID(), r.seen)
		}
		sealed, failed = sealed+r.seen, failed+r.failed
	}
	if sealed == 0 {
		fmt.Fprintln(out, "nothing is sealed yet")
	}
	if failed > 0 {
		return fmt.Errorf("%d value(s) do not open and were left as they are", failed)
	}
	return nil
}

// resealer goes through one column.
type resealer struct {
	column             seal.Column
	keys               *seal.Keys
	errOut             io.Writer
	seen, done, failed int
}

// statements read a batch of rows behind one, and change those that nobody has changed
// meanwhile.
func (r *resealer) statements() (read, write string) {
	table := pgx.Identifier(strings.Split(r.column.Table, ".")).Sanitize()
	name, key := pgx.Identifier{r.column.Name}.Sanitize(), pgx.Identifier{r.column.Key}.Sanitize()
	read = fmt.Sprintf(`select t.%[3]s::text, t.%[2]s from %[1]s as t where t.%[2]s is not null and ($1::text is null or t.%[3]s > $1::text::%[4]s) order by t.%[3]s limit %[5]d`,
		table, name, key, r.column.Type, resealBatch)
	write = fmt.Sprintf(`update %[1]s as t set %[2]s = v.new from unnest($1::text[], $2::text[], $3::text[]) as v (id, old, new) where t.%[3]s = v.id::%[4]s and t.%[2]s = v.old`,
		table, name, key, r.column.Type)
	return read, write
}

func (r *resealer) run(ctx context.Context, conn *pgx.Conn) error {
	read, write := r.statements()
	for after := (*string)(nil); ; {
		rows, err := conn.Query(ctx, read, after)
		if err != nil {
			return err
		}
		type row struct{ ID, Value string }
		batch, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
		if err != nil || len(batch) == 0 {
			return err
		}
		var ids, before, sealed []string
		for _, row := range batch {
			again, err := r.again(row.ID, row.Value)
			switch {
			case err != nil:
				r.failed++
				fmt.Fprintf(r.errOut, "%v\n", err)
			case again != "":
				ids, before, sealed = append(ids, row.ID), append(before, row.Value), append(sealed, again)
			}
		}
		tag, err := conn.Exec(ctx, write, ids, before, sealed)
		if err != nil {
			return err
		}
		r.seen += len(batch)
		r.done += int(tag.RowsAffected())
		after = &batch[len(batch)-1].ID
	}
}

// again gives the value under the first key; empty if it is that already.
func (r *resealer) again(id, value string) (string, error) {
	at := seal.Place{Table: r.column.Table, Column: r.column.Name, ID: id}
	secret, err := r.keys.Open(value, at)
	switch {
	case errors.Is(err, seal.ErrNotSealed) && r.column.Imported:
		secret = []byte(value)
		fmt.Fprintf(r.errOut, "%s.%s of %s was not sealed, and is now\n", at.Table, at.Column, at.ID)
	case err != nil:
		return "", err
	case !r.keys.NeedsReseal(value):
		return "", nil
	}
	return r.keys.Seal(secret, at), nil
}
