package tests

import (
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/cluster"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// clusterFolder is a folder that the user Postgres runs as can reach.
func clusterFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fluxbase-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// clusterMade is such a folder in which initdb has run.
func clusterMade(t *testing.T) string {
	t.Helper()
	dir := clusterFolder(t)
	dbtest.Initdb(t, dbtest.Binaries(t, dbtest.Version()), dir)
	return dir
}

// startIn starts a cluster that is stopped with the test.
func startIn(t *testing.T, o cluster.Options) *cluster.Cluster {
	t.Helper()
	if o.Bin == "" {
		o.Bin = dbtest.Binaries(t, dbtest.Version())
	}
	o.Throwaway = true
	c, err := cluster.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = c.Stop(ctx)
	})
	return c
}

// textOf runs a query that returns one text.
func textOf(t *testing.T, url, query string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var answer string
	if err := conn.QueryRow(t.Context(), query).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

func TestClusterIsPrivate(t *testing.T) {
	t.Parallel()
	dir := clusterFolder(t)
	c := startIn(t, cluster.Options{Dir: dir})
	for setting, want := range map[string]string{
		"wal_level": "logical", "listen_addresses": "127.0.0.1", "max_connections": "500",
		"max_replication_slots": "60", "max_wal_senders": "60", "password_encryption": "scram-sha-256",
	} {
		if got := textOf(t, c.URL("postgres"), "show "+setting); got != want {
			t.Errorf("%s = %s, want %s", setting, got, want)
		}
	}
	wrong := strings.Replace(c.URL("postgres"), "@", "x@", 1)
	if conn, err := pgx.Connect(t.Context(), wrong); err == nil {
		_ = conn.Close(t.Context())
		t.Error("a wrong password was let in")
	}
	info, err := os.Stat(filepath.Join(dir, "data", "postmaster.pid")) // written by Postgres
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid == 0 {
		t.Error("Postgres runs as root")
	}
	session, _, errno := syscall.Syscall(syscall.SYS_GETSID, uintptr(c.PID()), 0, 0)
	if errno != 0 || int(session) != c.PID() {
		t.Errorf("Postgres is in session %d (%v), want its own: the terminal's Ctrl-C would reach it", session, errno)
	}
}

func TestClusterComesBackAfterKillWithOpenSessions(t *testing.T) {
	t.Parallel()
	dir := clusterMade(t)
	c := startIn(t, cluster.Options{Dir: dir})
	for range 5 {
		conn, err := pgx.Connect(t.Context(), c.URL("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
	}
	c.Kill()
	again := startIn(t, cluster.Options{Dir: dir})
	if again.Port() != c.Port() {
		t.Errorf("port was %d and is %d, want the same", c.Port(), again.Port())
	}
	textOf(t, again.URL("postgres"), "select 'up'")
}

func TestClusterEndsSessionsThatNeverNoticeAKill(t *testing.T) {
	t.Parallel()
	dir := clusterMade(t)
	c := startIn(t, cluster.Options{Dir: dir})
	computing, err := pgx.Connect(t.Context(), c.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := computing.Exec(context.Background(), "do 'begin loop end loop; end'") // waits for nothing
		ended <- err
	}()
	eventually(t, "it computes", func() bool {
		return textOf(t, c.URL("postgres"), "select count(*)::text from pg_stat_activity where query like 'do %' and state = 'active'") == "1"
	})
	c.Kill()
	again := startIn(t, cluster.Options{Dir: dir})
	if err := <-ended; err == nil {
		t.Error("the session that computes ended well")
	}
	textOf(t, again.URL("postgres"), "select 'up'")
}

func TestClusterIgnoresPIDOfAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := clusterMade(t)
	c := startIn(t, cluster.Options{Dir: dir})
	pidFile := filepath.Join(dir, "data", "postmaster.pid")
	left, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	c.Kill()
	// The id now belongs to a process of Postgres's user: the one case that Postgres
	// itself takes for a running server.
	other := asClusterOwner(t, dir, "sleep", "60")
	_, rest, _ := strings.Cut(string(left), "\n")
	if err := os.WriteFile(pidFile, fmt.Appendf(nil, "%d\n%s", other.Process.Pid, rest), 0o600); err != nil {
		t.Fatal(err)
	}
	again := startIn(t, cluster.Options{Dir: dir})
	textOf(t, again.URL("postgres"), "select 'up'")
}

func TestClusterAdoptsOrphan(t *testing.T) {
	t.Parallel()
	dir := clusterMade(t)
	bin := dbtest.Binaries(t, dbtest.Version())
	c := startIn(t, cluster.Options{Dir: dir})
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	var again *cluster.Cluster
	var ended chan error
	for {
		orphan := asClusterOwner(t, dir, filepath.Join(bin, "postgres"), "-D", filepath.Join(dir, "data"))
		ended = make(chan error, 1)
		go func() { ended <- orphan.Wait() }()
		eventually(t, "the orphan runs, or has ended", func() bool {
			text, _ := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
			return len(text) > 0 || len(ended) > 0
		})
		again = startIn(t, cluster.Options{Dir: dir}) // it may still be starting
		if again.PID() == orphan.Process.Pid {
			break
		}
		if len(ended) == 0 {
			t.Fatalf("process %d serves, want the orphan %d", again.PID(), orphan.Process.Pid)
		}
		// Any other test may take the port, on which the orphan insists.
		if err := again.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	textOf(t, again.URL("postgres"), "select 'up'")
	if err := again.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the orphan ended with %v, want a clean shutdown", err)
	}
}

func TestClusterRedoesHalfInitdb(t *testing.T) {
	t.Parallel()
	dir := clusterFolder(t)
	half := filepath.Join(dir, "initdb-12345")
	if err := os.MkdirAll(filepath.Join(half, "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(half, "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	startIn(t, cluster.Options{Dir: dir})
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half-made folder is still there (%v)", err)
	}
}

func TestSecondStartSaysWhoIsFirst(t *testing.T) {
	t.Parallel()
	dir := clusterFolder(t)
	bin := dbtest.Binaries(t, dbtest.Version())
	var wait sync.WaitGroup
	running := make([]*cluster.Cluster, 4)
	failed := make([]error, 4)
	for i := range running {
		wait.Go(func() {
			running[i], failed[i] = cluster.Start(t.Context(), cluster.Options{Dir: dir, Bin: bin, Throwaway: true})
		})
	}
	wait.Wait()
	var first *cluster.Cluster
	for i, c := range running {
		var inUse *cluster.InUseError
		switch {
		case c == nil && !errors.As(failed[i], &inUse):
			t.Errorf("a second start failed with %v, want InUseError", failed[i])
		case c != nil && first != nil:
			t.Error("two starts succeeded")
		case c != nil:
			first = c
		}
	}
	if first == nil {
		t.Fatal("no start succeeded")
	}
	defer first.Kill()
	if err := first.Announce("serving http://127.0.0.1:8080"); err != nil {
		t.Fatal(err)
	}
	_, err := cluster.Start(t.Context(), cluster.Options{Dir: dir, Bin: bin})
	want := fmt.Sprintf("process %d, serving http://127.0.0.1:8080", os.Getpid())
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want it to say %q", err, want)
	}
}

func TestFailingStartShowsTheLog(t *testing.T) {
	t.Parallel()
	_, err := cluster.Start(t.Context(), cluster.Options{
		Dir: clusterMade(t), Bin: dbtest.Binaries(t, dbtest.Version()), Throwaway: true,
		Settings: map[string]string{"shared_buffers": "a lot"},
	})
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "shared_buffers": "a lot"`) {
		t.Errorf("got %v, want the line of Postgres's log", err)
	}
}

func TestClusterRefusesDataOfAnotherVersion(t *testing.T) {
	t.Parallel()
	dir := clusterFolder(t)
	c := startIn(t, cluster.Options{Dir: dir, Bin: dbtest.Binaries(t, "16")})
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := cluster.Start(t.Context(), cluster.Options{Dir: dir, Bin: dbtest.Binaries(t, "17")})
	if err == nil || !strings.Contains(err.Error(), "FLUXBASE_PG_VERSION=16") {
		t.Errorf("got %v, want the way to mend it", err)
	}
}

// asClusterOwner runs a command as the user that owns the cluster's data, as if somebody
// had started it by hand.
func asClusterOwner(t *testing.T, dir, name string, args ...string) *osexec.Cmd {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	cmd := osexec.Command(name, args...)
	cmd.Dir = "/"
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	within(t, 2*time.Minute, what, holds)
}

func within(t *testing.T, patience time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %s for this: %s", patience, what)
		}
	}
}
