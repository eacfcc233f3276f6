// Command fluxbase turns a PostgreSQL database into a backend. main turns
// arguments into a context and an exit status; the work is in the packages.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the second one kills, as people expect of Ctrl-C.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Exit statuses: 2 tells a script that the call itself was wrong.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a mistake in arguments or environment.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// usage makes a usageError, as fmt.Errorf does.
func usage(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// errReported ends a command with status 1 when it has printed all there is to
// say.
var errReported = errors.New("reported")

func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	root := newRootCmd()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	started := false
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }

	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errReported):
		return exitFailed
	case !started || errors.As(err, new(usageError)):
		fmt.Fprintf(errOut, "fluxbase: %v\n", err)
		if !started {
			fmt.Fprintln(errOut, "Try: fluxbase --help")
		}
		return exitUsage
	default:
		fmt.Fprintf(errOut, "fluxbase: %v\n", err)
		return exitFailed
	}
}

func newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:   "fluxbase",
		Short: "Your PostgreSQL database is the backend",
		Long: `Fluxbase serves a PostgreSQL database to apps: tables and functions over REST,
with row level security deciding what each user may see and change.

  fluxbase dev          a private database with a demo schema, served at once
  fluxbase migrate up   install into, or update, your own database
  fluxbase doctor       what your database still lacks, and how to mend it
  fluxbase serve        serve it

Settings are environment variables; docs/reference/config.md lists them.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newDevCmd(), newServeCmd(), newMigrateCmd(), newInstallSQLCmd(), newDoctorCmd(), newExplainCmd(),
		newKeysCmd(), newProvidersCmd(), newSigningKeysCmd(), newUsersCmd(), newFunctionsCmd(), newReadyCmd(), newVersionCmd(), newHashPasswordsCmd())
	return root
}
