package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy/auth"
	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/sql"
)

func newProvidersCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "providers",
		Short: "List, set and drop the providers at which people sign in",
		Long: `Google, GitHub, GitLab, Apple, Microsoft (azure), Discord and Slack (slack_oidc) are
known by name; any other needs its issuer. What this sets holds at once, without a
restart. docs/how-to/sign-in-with-providers.md tells what to do at each of them.

FLUXBASE_ADMIN_DATABASE_URL, else DATABASE_URL, says where.`,
	}
	cmd.AddCommand(newProvidersListCmd(), newProvidersSetCmd(), newProvidersDropCmd())
	return cmd
}

func newProvidersListCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the providers, without their secrets",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return asService(cmd.Context(), func(conn *pgx.Conn) error {
				var list []struct {
					Name, Preset string
					ClientID     string `json:"client_id"`
					Secret       bool   `json:"has_client_secret"`
					Enabled      bool
				}
				if err := askAuth(cmd.Context(), conn, &list, `select auth.list_oauth_providers()`); err != nil {
					return err
				}
				table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(table, "NAME\tPRESET\tENABLED\tSECRET\tCLIENT ID")
				for _, p := range list {
					fmt.Fprintf(table, "%s\t%s\t%t\t%t\t%s\n", p.Name, p.Preset, p.Enabled, p.Secret, p.ClientID)
				}
				return table.Flush()
			})
		},
	}
}

func newProvidersSetCmd() *cobra.Command {
	var secret bool
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Add a provider, or change what is given of it",
		Long: `Changes what the flags say and nothing else. The secret is read from the standard
input, up to its end, so that it is in no list of processes and no history; it is
sealed under FLUXBASE_ENCRYPTION_KEY, and the database never sees it. For Apple it
is the file of the private key.`,
		Example: `  fluxbase providers set google --client-id 1234.apps.googleusercontent.com --client-secret-stdin < secret
  fluxbase providers set keycloak --issuer https://id.example.com/realms/staff --client-id app --client-secret-stdin < secret
  fluxbase providers set google --enabled=false`,
		Args: cobra.ExactArgs(1),
	}
	text := map[string]string{
		"client-id": "as what you are registered there", "preset": "whose ways it has: oidc, oauth2 or a known provider (from the name)",
		"issuer": "its issuer, for OpenID Connect; Microsoft's names the tenant", "authorization-url": "where people are sent (from the issuer)",
		"token-url": "where codes are exchanged (from the issuer)", "userinfo-url": "where it tells who somebody is (from the issuer)",
		"team-id": "of Apple: your team", "key-id": "of Apple: the id of the private key",
	}
	lists := map[string]string{
		"additional-client-ids": "your apps whose ID tokens are taken, too", "scopes": "what to ask for beyond what is needed",
	}
	switches := map[string]string{
		"enabled": "whether it is offered", "email-optional": "whether people sign in without a verified address, and have none",
		"trust-email":      "whether addresses count as verified that the provider does not call so",
		"skip-nonce-check": "whether ID tokens may have a nonce that the app does not tell",
	}
	for name, about := range text {
		cmd.Flags().String(name, "", about)
	}
	for name, about := range lists {
		cmd.Flags().StringSlice(name, nil, about)
	}
	for name, about := range switches {
		cmd.Flags().Bool(name, name == "enabled", about)
	}
	cmd.Flags().BoolVar(&secret, "client-secret-stdin", false, "read the client's secret from the standard input")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		changes := map[string]any{}
		column := func(flag string) string { return strings.ReplaceAll(flag, "-", "_") }
		for name := range text {
			if value, _ := cmd.Flags().GetString(name); cmd.Flags().Changed(name) {
				changes[column(name)] = value
				if value == "" {
					changes[column(name)] = nil
				}
			}
		}
		for name := range lists {
			if values, _ := cmd.Flags().GetStringSlice(name); cmd.Flags().Changed(name) {
				changes[column(name)] = values
			}
		}
		for name := range switches {
			if value, _ := cmd.Flags().GetBool(name); cmd.Flags().Changed(name) {
				changes[column(name)] = value
			}
		}
		if !secret {
			return asService(cmd.Context(), func(conn *pgx.Conn) error { return setProvider(cmd, conn, args[0], changes) })
		}
		return withSealed(cmd.Context(), func(keys *seal.Keys, conn *pgx.Conn) error {
			given, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 64<<10))
			if err != nil {
				return err
			}
			given = []byte(strings.TrimSpace(string(given)))
			if len(given) == 0 {
				return usage("--client-secret-stdin: there is no secret on the standard input")
			}
			changes["client_secret_sealed"] = keys.Seal(given, auth.SecretPlace(args[0]))
			return setProvider(cmd, conn, args[0], changes)
		})
	}
	return cmd
}

func setProvider(cmd *cobra.Command, conn *pgx.Conn, name string, changes map[string]any) error {
	doc, err := json.Marshal(changes)
	if err != nil {
		return err
	}
	if _, err := conn.Exec(cmd.Context(), `select auth.set_oauth_provider($1, $2)`, name, doc); err != nil {
		return sql.Explain(err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s is set\n", name)
	return nil
}

func newProvidersDropCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "drop NAME",
		Short: "Take a provider away; accounts that are linked stay so",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return asService(cmd.Context(), func(conn *pgx.Conn) error {
				var there bool
				if err := askAuth(cmd.Context(), conn, &there, `select to_jsonb(auth.drop_oauth_provider($1))`, args[0]); err != nil {
					return err
				}
				if !there {
					return fmt.Errorf("there is no provider %s", args[0])
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s is dropped\n", args[0])
				return nil
			})
		},
	}
}
