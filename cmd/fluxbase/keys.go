package main

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy/token"
)

func newKeysCmd() *cobra.Command {
	var secret, user string
	var life time.Duration
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make the JWT secret, the anon and service-role keys, and the encryption key",
		Long: `Prints fresh secrets as environment variables. Keep them: everyone who holds
FLUXBASE_JWT_SECRET can become any user, and what FLUXBASE_ENCRYPTION_KEY sealed
can't be read without it. The two API keys go to clients: anon into apps and
pages, service_role only to your own servers, as it passes row level security.

With --user it prints a token of that user instead, to try policies with.`,
		Example: `  fluxbase keys > .env                                # a new project
  fluxbase keys --jwt-secret "$FLUXBASE_JWT_SECRET"   # API keys for a secret you have
  curl -H "Authorization: Bearer $(fluxbase keys --user 00000000-0000-4000-8000-00000000ada0)" ...`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if user != "" {
				return printUserToken(out, cmp.Or(secret, os.Getenv("FLUXBASE_JWT_SECRET")), user, life)
			}
			if secret == "" {
				secret = newSecret()
				fmt.Fprintf(out, "FLUXBASE_JWT_SECRET=%s\n", secret)
				fmt.Fprintf(out, "FLUXBASE_ENCRYPTION_KEY=%s\n", newSecret())
			}
			anon, service, err := token.Keys([]byte(secret), time.Now())
			if err != nil {
				return usageError{err}
			}
			fmt.Fprintf(out, "FLUXBASE_ANON_KEY=%s\nFLUXBASE_SERVICE_ROLE_KEY=%s\n", anon, service)
			return nil
		},
	}
	cmd.Flags().StringVar(&secret, "jwt-secret", "", "sign with this secret instead of a new one (for --user: of FLUXBASE_JWT_SECRET)")
	cmd.Flags().StringVar(&user, "user", "", "print a token of this user (the claim sub, what auth.uid() returns)")
	cmd.Flags().DurationVar(&life, "life", time.Hour, "how long the user's token is good")
	cmd.AddCommand(newKeysRotateCmd())
	return cmd
}

func printUserToken(out io.Writer, secret, user string, life time.Duration) error {
	if secret == "" {
		return usage("--user needs the secret that the server checks tokens with: set FLUXBASE_JWT_SECRET, or give --jwt-secret")
	}
	now := time.Now()
	signed, err := token.SignHS256([]byte(secret), map[string]any{
		"iss": "fluxbase", "sub": user, "role": "authenticated", "aud": "authenticated",
		"iat": now.Unix(), "exp": now.Add(life).Unix(),
	})
	if err != nil {
		return usageError{err}
	}
	fmt.Fprintln(out, signed)
	return nil
}

// newSecret is 32 random bytes as base64, the size of an AES-256 or HS256 key.
func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return base64.StdEncoding.EncodeToString(b[:])
}
