package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy/functions"
	"github.com/fluxbase/fluxbase/proxy/seal"
)

func newFunctionsSecretsCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secrets",
		Short: "Set, list and unset what functions find in their environment",
		Long: `All functions see all secrets, as Deno.env.get("NAME"). They are sealed under
FLUXBASE_ENCRYPTION_KEY before they go to the database, which never sees them. What is
changed holds for requests from then on. SUPABASE_URL, SUPABASE_ANON_KEY and the like are
there by themselves.`,
	}
	cmd.AddCommand(newSecretsSetCmd(), newSecretsListCmd(), newSecretsUnsetCmd())
	return cmd
}

func newSecretsSetCmd() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "set [NAME=VALUE...] [NAME]",
		Short: "Set secrets",
		Long: `NAME alone reads its value from the standard input, up to its end, so that it is in no
list of processes and no history. --env-file reads lines NAME=VALUE; names that are the
server's own (SUPABASE_, FLUXBASE_, DENO_, SB_) are left out of it.`,
		Example: `  fluxbase functions secrets set STRIPE_KEY < key.txt
  fluxbase functions secrets set --env-file supabase/functions/.env
  fluxbase functions secrets set GREETING=hello COLOUR=blue`,
		RunE: func(cmd *cobra.Command, args []string) error {
			secrets, err := given(cmd.InOrStdin(), cmd.ErrOrStderr(), args, file)
			if err != nil {
				return err
			}
			return withSealed(cmd.Context(), func(keys *seal.Keys, conn *pgx.Conn) error {
				if err := setSecrets(cmd.Context(), keys, conn, secrets); err != nil {
					return err
				}
				for _, s := range secrets {
					fmt.Fprintf(cmd.OutOrStdout(), "%s is set\n", s.name)
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&file, "env-file", "", "a file of lines NAME=VALUE")
	return cmd
}

// secret is a variable, unsealed.
type secret struct{ name, value string }

// given are the secrets of a command line.
func given(in io.Reader, errOut io.Writer, args []string, file string) (secrets []secret, err error) {
	if file != "" {
		env, skipped, err := readEnvFile(file)
		if err != nil {
			return nil, usageError{err}
		}
		for _, name := range skipped {
			fmt.Fprintf(errOut, "%s is left out: the server gives it by itself\n", name)
		}
		for _, pair := range env {
			name, value, _ := strings.Cut(pair, "=")
			secrets = append(secrets, secret{name, value})
		}
	}
	read := ""
	for _, arg := range args {
		name, value, whole := strings.Cut(arg, "=")
		if !whole {
			if read != "" {
				return nil, usage("only one value can be read from the standard input: %s or %s", read, name)
			}
			read = name
			text, err := io.ReadAll(io.LimitReader(in, 1<<20))
			if err != nil {
				return nil, err
			}
			value = strings.TrimRight(string(text), "\r\n")
		}
		secrets = append(secrets, secret{name, value})
	}
	if len(secrets) == 0 {
		return nil, usage("which? Give NAME=VALUE, NAME with its value on the standard input, or --env-file FILE")
	}
	return secrets, nil
}

// setSecrets sets all or none.
func setSecrets(ctx context.Context, keys *seal.Keys, conn *pgx.Conn, secrets []secret) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, s := range secrets {
			if strings.ContainsRune(s.value, 0) {
				return fmt.Errorf("the value of %s holds a zero byte, which no environment can", strconv.Quote(s.name))
			}
			sealed := keys.Seal([]byte(s.value), functions.SecretPlace(s.name))
			if _, err := tx.Exec(ctx, `select functions.set_secret($1, $2)`, s.name, sealed); err != nil {
				return fmt.Errorf("%s: %w", s.name, refusal(err))
			}
		}
		return nil
	})
}

func newSecretsListCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the names of the secrets",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			const ask = `select n.name, n.updated_at from functions.secret_names() as n`
			return table(cmd, "NAME\tSET", ask, nil, func(row pgx.CollectableRow) (string, error) {
				var name string
				var at time.Time
				err := row.Scan(&name, &at)
				return name + "\t" + at.UTC().Format(time.DateTime), err
			})
		},
	}
}

func newSecretsUnsetCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "unset NAME...",
		Short: "Unset secrets",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			return asService(cmd.Context(), func(conn *pgx.Conn) error {
				for _, name := range names {
					var there bool
					if err := conn.QueryRow(cmd.Context(), `select functions.unset_secret($1)`, name).Scan(&there); err != nil {
						return refusal(err)
					}
					if !there {
						return fmt.Errorf("there is no secret %s; fluxbase functions secrets list names them", name)
					}
					fmt.Fprintf(cmd.OutOrStdout(), "%s is unset\n", name)
				}
				return nil
			})
		},
	}
}
