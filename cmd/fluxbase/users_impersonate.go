package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy/auth"
	"github.com/fluxbase/fluxbase/proxy/auth/hook"
	"github.com/fluxbase/fluxbase/proxy/fetch"
	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/proxy/token"
)

func newUsersImpersonateCmd() *cobra.Command {
	var reason, length string
	cmd := &cobra.Command{
		Use:   "impersonate USER",
		Short: "Act in the place of a user, for an hour at most",
		Long: `Opens a session of the user and prints an access token of it. The reason is kept in
audit.events, the user sees the session in their list, and it changes nothing by which
they sign in. Wants what the server has: FLUXBASE_ENCRYPTION_KEY, FLUXBASE_PUBLIC_URL,
and FLUXBASE_JWT_SECRET where that signs.`,
		Example: `  fluxbase users impersonate ada@example.com --reason 'ticket 7' --for '10 min'`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withUser(cmd.Context(), args[0], func(conn *pgx.Conn, id string) error {
				// What is missing is told before there is a session.
				sign, err := newGrantSigner(cmd.Context(), conn)
				if err != nil {
					return err
				}
				var grant struct{ Claims, Hook json.RawMessage }
				const open = `select auth.impersonate($1::text::uuid, $2, $3::text::interval, 'fluxbase users impersonate')`
				if err := askAuth(cmd.Context(), conn, &grant, open, id, reason, length); err != nil {
					return err
				}
				text, err := sign(cmd.Context(), grant.Hook, grant.Claims)
				if err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), text)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log")
	cmd.Flags().StringVar(&length, "for", "15 min", "how long, as Postgres reads an interval")
	_ = cmd.MarkFlagRequired("reason") // fails for a flag that is not there
	return cmd
}

// newGrantSigner gives what makes an access token of what auth.grant_of tells, as the server
// would.
func newGrantSigner(ctx context.Context, conn *pgx.Conn) (func(ctx context.Context, ran, claims []byte) (string, error), error) {
	var process Config
	var sealed seal.Config
	var jwt token.Config
	var network fetch.Config
	var errs []error
	for _, c := range []checker{&process, &sealed, &jwt, &network} {
		errs = append(errs, parseEnv(c)...)
		errs = append(errs, c.Check())
	}
	if process.PublicURL == "" {
		errs = append(errs, errors.New("FLUXBASE_PUBLIC_URL is not set: give that of the server, which is in its tokens"))
	}
	keys, err := seal.New(sealed)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, usageError{err}
	}
	signer, err := token.NewSigner(nil, keys, process.PublicURL+auth.Prefix, jwt)
	if err != nil {
		return nil, err
	}
	var key struct{ KID, Algorithm string }
	var document []byte
	if err := conn.QueryRow(ctx, `select auth.read_signing_key()`).Scan(&document); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(document, &key); err != nil {
		return nil, err
	}
	if key.KID == "" && key.Algorithm != "HS256" {
		return nil, errors.New("there is no signing key yet: fluxbase signing-keys add makes one")
	}
	signer.Use(func(context.Context) (string, error) { return string(document), nil })
	hooks := hook.New(nil, keys, network.PrivateAddresses, slog.Default())
	return func(ctx context.Context, ran, claims []byte) (string, error) {
		claims, err := hooks.Claims(ctx, ran, claims)
		if err != nil {
			return "", err
		}
		return signer.Sign(ctx, claims)
	}, nil
}
