package main

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy/token"
)

func newKeysCmd() *cobra.Command {
	var secret string
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make the JWT secret, the anon and service-role keys, and the encryption key",
		Long: `Prints fresh secrets as environment variables. Keep them: everyone who holds
FLUXBASE_JWT_SECRET can become any user, and what FLUXBASE_ENCRYPTION_KEY sealed
can't be read without it. The two API keys go to clients: anon into apps and
pages, service_role only to your own servers, as it passes row level security.`,
		Example: `  fluxbase keys > .env                      # a new project
  fluxbase keys --jwt-secret "$FLUXBASE_JWT_SECRET"   # API keys for a secret you have`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
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
	cmd.Flags().StringVar(&secret, "jwt-secret", "", "make only the API keys, for this secret")
	return cmd
}

// newSecret is 32 random bytes as base64, the size of an AES-256 or HS256 key.
func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return base64.StdEncoding.EncodeToString(b[:])
}
