package tests

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// A server whose session is its own, as a service's is, gives it less of the cores beside
// its database; one that has been started in somebody's leaves that alone.
func TestAServerYieldsItsOwnSession(t *testing.T) {
	t.Parallel()
	const niceness = "/proc/%v/autogroup"
	before, err := os.ReadFile(fmt.Sprintf(niceness, "self"))
	db := dbtest.New(t)
	for _, own := range []bool{true, false} {
		cmd := command(t, []string{"FLUXBASE_DATABASE_URL=" + db.URL(sql.Authenticator), "FLUXBASE_JWT_SECRET=" + jwtSecret}, "serve")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: own}
		s := runServer(t, cmd)
		got, gotErr := os.ReadFile(fmt.Sprintf(niceness, s.cmd.Process.Pid))
		switch {
		case err != nil || gotErr != nil:
			if !errors.Is(err, fs.ErrNotExist) || !errors.Is(gotErr, fs.ErrNotExist) { // not in this kernel
				t.Fatal(err, gotErr)
			}
		case own && !strings.HasSuffix(string(got), " nice 5\n"), !own && string(got) != string(before):
			t.Errorf("its own %t: got %q, its parent's is %q", own, got, before)
		}
		s.stop(t)
	}
}
