package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/proxy/token"
)

func newSigningKeysCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "signing-keys",
		Short: "List, add, rotate and revoke the keys that sign access tokens",
		Long: `Access tokens are signed by the current key, and verified by the public halves of
the next, the current and the retired ones. The server makes the first key. Private
halves are made by this binary and sealed under FLUXBASE_ENCRYPTION_KEY, so the
database never sees one; everything else can be done from psql as well.

FLUXBASE_ADMIN_DATABASE_URL, else DATABASE_URL, says where.`,
		Example: `  fluxbase signing-keys add       # publishes the next key
  fluxbase signing-keys rotate    # ten minutes later: it signs from now on
  fluxbase signing-keys list`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSigningKeysListCmd(), newSigningKeysAddCmd(), newSigningKeysRotateCmd(), newSigningKeysRevokeCmd())
	return cmd
}

func newSigningKeysListCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the keys with their states",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withAdmin(cmd.Context(), func(conn *pgx.Conn) error {
				return listSigningKeys(cmd.Context(), cmd.OutOrStdout(), conn)
			})
		},
	}
}

func listSigningKeys(ctx context.Context, out io.Writer, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `
		select l.kid, l.alg, l.state, coalesce(l.revoked_at, l.retired_at, l.activated_at, l.created_at)
		from auth.list_signing_keys() as l`)
	if err != nil {
		return err
	}
	type row struct {
		KID, Alg, State string
		Since           time.Time
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KEY\tALGORITHM\tSTATE\tSINCE")
	for _, k := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", k.KID, k.Alg, k.State, k.Since.UTC().Format(time.DateTime))
	}
	return table.Flush()
}

func newSigningKeysAddCmd() *cobra.Command {
	var alg string
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Make the next key, which is published and does not sign yet",
		Long: `Makes a key, seals its private half under FLUXBASE_ENCRYPTION_KEY and adds it as
the next one, or as the current one if there is none. Prints its id.`,
		Example: `  fluxbase signing-keys add
  fluxbase signing-keys add --algorithm EdDSA`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withSealed(cmd.Context(), func(keys *seal.Keys, conn *pgx.Conn) error {
				return addSigningKey(cmd.Context(), cmd.OutOrStdout(), alg, keys, conn)
			})
		},
	}
	cmd.Flags().StringVar(&alg, "algorithm", "", "ES256, EdDSA or RS256; that of the setting jwt_algorithm")
	return cmd
}

func addSigningKey(ctx context.Context, out io.Writer, alg string, keys *seal.Keys, conn *pgx.Conn) error {
	if alg == "" {
		if err := conn.QueryRow(ctx, `select auth.setting('jwt_algorithm') #>> '{}'`).Scan(&alg); err != nil {
			return err
		}
		if alg == "HS256" { // which has no keys here
			alg = token.DefaultAlgorithm
		}
	}
	key, err := token.NewSigningKey(alg, keys)
	if err != nil {
		return usageError{err}
	}
	var state string
	const add = `select auth.add_signing_key($1, $2, $3::text::jsonb, $4)`
	if err := conn.QueryRow(ctx, add, key.KID, key.Alg, string(key.Public), key.Sealed).Scan(&state); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is the %s key\n", key.KID, state)
	return nil
}

func newSigningKeysRotateCmd() *cobra.Command {
	var now bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Have the next key sign from now on; the current one is retired",
		Long: `Makes the next key the current one. What the old one signed holds until it
expires. A next key that was published less than ten minutes ago is refused,
because others who verify tokens may keep the published keys for so long.

With --now it is not refused, and without a next key one is made.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if !now {
				return withAdmin(ctx, func(conn *pgx.Conn) error { return promoteSigningKey(ctx, cmd.OutOrStdout(), false, conn) })
			}
			return withSealed(ctx, func(keys *seal.Keys, conn *pgx.Conn) error {
				if err := ensureNextKey(ctx, cmd.OutOrStdout(), keys, conn); err != nil {
					return err
				}
				return promoteSigningKey(ctx, cmd.OutOrStdout(), true, conn)
			})
		},
	}
	cmd.Flags().BoolVar(&now, "now", false, "at once, whoever may not have the key yet")
	return cmd
}

func promoteSigningKey(ctx context.Context, out io.Writer, now bool, conn *pgx.Conn) error {
	var kid string
	if err := conn.QueryRow(ctx, `select auth.promote_signing_key($1)`, now).Scan(&kid); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is the current key\n", kid)
	return nil
}

// ensureNextKey makes a next key if there is none.
func ensureNextKey(ctx context.Context, out io.Writer, keys *seal.Keys, conn *pgx.Conn) error {
	var there bool
	const ask = `select exists (select from auth.list_signing_keys() as l where l.state = 'next')`
	if err := conn.QueryRow(ctx, ask).Scan(&there); err != nil || there {
		return err
	}
	return addSigningKey(ctx, out, "", keys, conn)
}

func newSigningKeysRevokeCmd() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "revoke KEY --reason TEXT",
		Short: "Refuse all tokens of a key at once, as after a leak",
		Long: `Revokes a key: every token that it signed is refused, by every process once this
has ended, and its users get another one with their refresh tokens. The next key
takes the place of a current one; if there is none it is made. Processes that have
not confirmed within five seconds are named; they trust nothing they remember then.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, out := cmd.Context(), cmd.OutOrStdout()
			if reason == "" {
				return usage("give a --reason")
			}
			return withSealed(ctx, func(keys *seal.Keys, conn *pgx.Conn) error {
				var current bool
				const ask = `select exists (select from auth.list_signing_keys() as l where l.kid = $1 and l.state = 'current')`
				if err := conn.QueryRow(ctx, ask, args[0]).Scan(&current); err != nil {
					return err
				}
				if current {
					if err := ensureNextKey(ctx, out, keys, conn); err != nil {
						return err
					}
				}
				var unconfirmed []string
				if err := conn.QueryRow(ctx, `call auth.revoke_signing_key($1, $2)`, args[0], reason).Scan(&unconfirmed); err != nil {
					return err
				}
				fmt.Fprintf(out, "%s is revoked\n", args[0])
				for _, name := range unconfirmed {
					fmt.Fprintf(cmd.ErrOrStderr(), "%s has not confirmed\n", name)
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	return cmd
}
