package main

import (
	"log/slog"
	"os"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy/auth/password"
	"github.com/fluxbase/fluxbase/proxy/auth/password/aside"
)

// newHashPasswordsCmd is what the server starts itself as, to compute hashes.
func newHashPasswordsCmd() *cobra.Command {
	return &cobra.Command{
		Use:    hashPasswords,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			aside.Yield()
			return aside.Serve(cmd.InOrStdin(), cmd.OutOrStdout(), password.Compute)
		},
	}
}

const hashPasswords = "hash-passwords"

// hashers gives what computes the hashes of passwords, and what ends it. Where a program must not
// start others, it is this process.
func hashers(cfg password.Config, log *slog.Logger) (compute func(request []byte) ([]byte, error), end func()) {
	// A hash takes as many cores as its lanes, and whoever computes it nothing of our environment.
	p, err := aside.New(executable(), []string{"fluxbase", hashPasswords}, []string{"GOMAXPROCS=" + strconv.Itoa(cfg.Parallelism)})
	if err != nil {
		log.Warn("passwords are hashed in the process of the server: other requests will feel it", "error", err)
		return password.Compute, func() {}
	}
	return p.Compute, p.Close
}

// executable is this program, on Linux also after another version has taken its place.
func executable() string {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe"
	}
	path, _ := os.Executable()
	return path // empty where nobody knows, which can't be started
}
