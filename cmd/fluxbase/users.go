package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/sql"
)

func newUsersCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "users",
		Short: "List, make, ban, delete, impersonate and import the users of auth",
		Long: `Each command calls one function of schema auth, which psql may call as well;
docs/how-to/manage-users.md has both. FLUXBASE_ADMIN_DATABASE_URL, else DATABASE_URL, says
where. A user is named by id or by address.`,
	}
	cmd.AddCommand(newUsersListCmd(), newUsersCreateCmd(), newUsersBanCmd(), newUsersDeleteCmd(), newUsersSessionsCmd(), newUsersImpersonateCmd(), newUsersImportCmd())
	return cmd
}

// asService does work as service_role, whom the functions of schema auth are for.
func asService(ctx context.Context, work func(*pgx.Conn) error) error {
	c, err := loadAdminConfig()
	if err != nil {
		return err
	}
	conn, err := sql.Connect(ctx, c.url())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `set role service_role`); err != nil {
		return fmt.Errorf("become service_role: %w", err)
	}
	return work(conn)
}

// askAuth calls a function that returns one document, and reads it into out. A refusal
// is an error.
func askAuth(ctx context.Context, conn *pgx.Conn, out any, query string, args ...any) error {
	var doc []byte
	if err := conn.QueryRow(ctx, query, args...).Scan(&doc); err != nil {
		return sql.Explain(err)
	}
	var refused struct{ Error, Message string }
	if json.Unmarshal(doc, &refused) == nil && refused.Error != "" {
		return errors.New(strings.TrimSpace(refused.Error + " " + refused.Message))
	}
	return json.Unmarshal(doc, out)
}

// withUser does work for the user of an id or an address.
func withUser(ctx context.Context, who string, work func(conn *pgx.Conn, id string) error) error {
	return asService(ctx, func(conn *pgx.Conn) error {
		if !strings.Contains(who, "@") {
			return work(conn, who)
		}
		var account struct{ ID string }
		const find = `select coalesce(auth.find_account($1, null), '{"error": "user_not_found"}')`
		if err := askAuth(ctx, conn, &account, find, who); err != nil {
			return err
		}
		return work(conn, account.ID)
	})
}

// userRow is a user in a list.
type userRow struct {
	ID, Email, Phone, Role string
	CreatedAt              string  `json:"created_at"`
	ConfirmedAt            *string `json:"confirmed_at"`
	BannedUntil            *string `json:"banned_until"`
	DeletedAt              *string `json:"deleted_at"`
}

// state is what sets a user apart.
func (u userRow) state() string {
	switch {
	case u.DeletedAt != nil:
		return "deleted"
	case u.BannedUntil != nil:
		return "banned until " + *u.BannedUntil
	case u.ConfirmedAt == nil:
		return "unconfirmed"
	}
	return ""
}

func newUsersListCmd() *cobra.Command {
	var filter, cursor string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List users, the newest first",
		Example: `  fluxbase users list --filter ada@
  fluxbase users list --limit 1000 --cursor 2026-01-02T03:04:05.000000Z_5b2c...`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return asService(cmd.Context(), func(conn *pgx.Conn) error {
				var page struct {
					Users []userRow
					Next  *string
				}
				const list = `select auth.list_users($1, 1, nullif($2, ''), nullif($3, ''))`
				if err := askAuth(cmd.Context(), conn, &page, list, limit, filter, cursor); err != nil {
					return err
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				for _, u := range page.Users {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", u.ID, strings.Trim(u.Email+" "+u.Phone, " "), u.Role, u.CreatedAt, u.state())
				}
				if page.Next != nil {
					fmt.Fprintf(cmd.ErrOrStderr(), "There may be more: --cursor %s\n", *page.Next)
				}
				return w.Flush()
			})
		},
	}
	cmd.Flags().StringVar(&filter, "filter", "", "only those whose address or number begins so")
	cmd.Flags().StringVar(&cursor, "cursor", "", "go on where the list before ended")
	cmd.Flags().IntVar(&limit, "limit", 50, "how many, 1000 at most")
	return cmd
}

func newUsersCreateCmd() *cobra.Command {
	var email, phone, role, data string
	var confirmed bool
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a user, who sets a password by a link of recovery",
		Example: `  fluxbase users create --email ada@example.com --confirmed
  fluxbase users create --email ada@example.com --data '{"name":"Ada"}'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return asService(cmd.Context(), func(conn *pgx.Conn) error {
				attributes := map[string]any{"email": email, "phone": phone, "role": role, "email_confirm": confirmed, "phone_confirm": confirmed}
				if data != "" {
					if !json.Valid([]byte(data)) {
						return usage("--data is no JSON object: give one, as in '{\"name\":\"Ada\"}'")
					}
					attributes["user_metadata"] = json.RawMessage(data)
				}
				var made userRow
				if err := askAuth(cmd.Context(), conn, &made, `select auth.create_user($1)`, attributes); err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), made.ID)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&email, "email", "", "the address")
	cmd.Flags().StringVar(&phone, "phone", "", "the number, digits alone (E.164 without +)")
	cmd.Flags().StringVar(&role, "role", "", "the database role that requests of the user run as")
	cmd.Flags().StringVar(&data, "data", "", "user_metadata, a JSON object")
	cmd.Flags().BoolVar(&confirmed, "confirmed", false, "take address and number as theirs without a message")
	return cmd
}

func newUsersBanCmd() *cobra.Command {
	var length string
	cmd := &cobra.Command{
		Use:   "ban USER",
		Short: "Keep a user out for a time, from now on and everywhere",
		Example: `  fluxbase users ban ada@example.com --for '30 days'
  fluxbase users ban ada@example.com --for none`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withUser(cmd.Context(), args[0], func(conn *pgx.Conn, id string) error {
				var changed userRow
				if err := askAuth(cmd.Context(), conn, &changed, `select auth.update_user($1::text::uuid, $2)`, id, map[string]any{"ban_duration": length}); err != nil {
					return err
				}
				return settled(cmd.Context(), conn, cmd.ErrOrStderr())
			})
		},
	}
	cmd.Flags().StringVar(&length, "for", "100 years", "how long, as Postgres reads an interval; none ends a ban")
	return cmd
}

func newUsersDeleteCmd() *cobra.Command {
	var soft bool
	cmd := &cobra.Command{
		Use:     "delete USER",
		Short:   "Delete a user, with all that refers to the row and cascades",
		Example: `  fluxbase users delete ada@example.com --soft`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withUser(cmd.Context(), args[0], func(conn *pgx.Conn, id string) error {
				if err := askAuth(cmd.Context(), conn, &struct{}{}, `select auth.delete_user($1::text::uuid, $2)`, id, soft); err != nil {
					return err
				}
				return settled(cmd.Context(), conn, cmd.ErrOrStderr())
			})
		},
	}
	cmd.Flags().BoolVar(&soft, "soft", false, "keep the row for what refers to it, and nothing of whom it was")
	return cmd
}

func newUsersSessionsCmd() *cobra.Command {
	var end bool
	cmd := &cobra.Command{
		Use:   "sessions USER",
		Short: "Say where a user is signed in, or sign them out everywhere",
		Example: `  fluxbase users sessions ada@example.com
  fluxbase users sessions ada@example.com --end`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withUser(cmd.Context(), args[0], func(conn *pgx.Conn, id string) error {
				if end {
					var ended int
					if err := askAuth(cmd.Context(), conn, &ended, `select to_jsonb(auth.end_sessions($1::text::uuid))`, id); err != nil {
						return err
					}
					fmt.Fprintf(cmd.OutOrStdout(), "%d ended\n", ended)
					return settled(cmd.Context(), conn, cmd.ErrOrStderr())
				}
				var list []struct {
					ID           string
					CreatedAt    string  `json:"created_at"`
					IP           *string `json:"ip"`
					Agent        *string `json:"user_agent"`
					Impersonator *string
				}
				if err := askAuth(cmd.Context(), conn, &list, `select auth.list_sessions($1::text::uuid)`, id); err != nil {
					return err
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				for _, s := range list {
					by := ""
					if s.Impersonator != nil {
						by = "by " + *s.Impersonator
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.ID, s.CreatedAt, orNothing(s.IP), by, orNothing(s.Agent))
				}
				return w.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&end, "end", false, "end all of them")
	return cmd
}

// settled waits until every live process knows what was committed, at most 5 seconds, and
// names those that have not said so.
func settled(ctx context.Context, conn *pgx.Conn, errOut io.Writer) error {
	var names []string
	if err := conn.QueryRow(ctx, `call fluxbase.settle()`).Scan(&names); err != nil {
		return sql.Explain(err)
	}
	if len(names) > 0 {
		fmt.Fprintf(errOut, "It is done, but these have not said that they know: %s\n", strings.Join(names, ", "))
	}
	return nil
}

func orNothing(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}
