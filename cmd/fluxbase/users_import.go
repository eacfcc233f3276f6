package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy/auth"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// importBatch is how many users are one transaction, and maxLine how long a line may be.
const importBatch, maxLine = 500, 1 << 20

func newUsersImportCmd() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Make users of a file, one JSON object a line, with the hashes of their passwords",
		Long: `Each line is what POST /auth/v1/admin/users takes but password, and created_at,
last_sign_in_at, email_confirmed_at, phone_confirmed_at and identities, a list of
{"provider", "id", "identity_data"}. password_hash is of argon2, bcrypt or Firebase's
scrypt; it is replaced by a better one when its owner signs in. A user who is there
already is refused, so that the same file can be given again after a failure.

What is wrong with a line is said on stderr, and keeps none of the others back: the
exit status is 1 then. FILE may be - for standard input.`,
		Example: `  fluxbase users import users.ndjson --dry-run
  fluxbase users import users.ndjson`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := cmd.InOrStdin()
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return usageError{err}
				}
				defer f.Close()
				in = f
			}
			return asService(cmd.Context(), func(conn *pgx.Conn) error {
				i := importer{conn: conn, out: cmd.OutOrStdout(), errOut: cmd.ErrOrStderr(), dryRun: dryRun}
				return i.run(cmd.Context(), in)
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be refused, and make nobody")
	return cmd
}

// importer sends users in batches.
type importer struct {
	conn        *pgx.Conn
	out, errOut io.Writer
	dryRun      bool

	lines         []int // of the users that wait to be sent
	users         []json.RawMessage
	made, refused int
}

func (i *importer) run(ctx context.Context, in io.Reader) error {
	if i.dryRun {
		tx, err := i.conn.Begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback(context.WithoutCancel(ctx))
	}
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, maxLine)
	n := 0
	for scanner.Scan() {
		n++
		line := bytes.TrimSpace(scanner.Bytes())
		if len(line) == 0 {
			continue
		}
		user, err := auth.Imported(line)
		if err != nil {
			i.refuse(n, web.AsError(err).Message)
			continue
		}
		i.lines, i.users = append(i.lines, n), append(i.users, user)
		if len(i.users) == importBatch {
			if err := i.send(ctx); err != nil {
				return err
			}
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	if err := i.send(ctx); err != nil {
		return err
	}
	done := "made"
	if i.dryRun {
		done = "would be made"
	}
	fmt.Fprintf(i.out, "%d users %s, %d refused\n", i.made, done, i.refused)
	if i.refused > 0 {
		return errReported
	}
	return nil
}

func (i *importer) refuse(line int, why string) {
	i.refused++
	fmt.Fprintf(i.errOut, "line %d: %s\n", line, why)
}

// send makes the users that wait.
func (i *importer) send(ctx context.Context) error {
	if len(i.users) == 0 {
		return nil
	}
	var answer struct {
		Made    int
		Refused []struct {
			Row            int
			Error, Message string
		}
	}
	if err := askAuth(ctx, i.conn, &answer, `select auth.import_users($1)`, i.users); err != nil {
		return errors.Join(fmt.Errorf("lines %d to %d", i.lines[0], i.lines[len(i.lines)-1]), err)
	}
	for _, r := range answer.Refused {
		i.refuse(i.lines[r.Row-1], strings.TrimSpace(r.Error+" "+r.Message))
	}
	i.made += answer.Made
	if len(i.users) == importBatch {
		fmt.Fprintf(i.errOut, "%d lines\n", i.lines[len(i.lines)-1])
	}
	i.lines, i.users = i.lines[:0], i.users[:0]
	return nil
}
