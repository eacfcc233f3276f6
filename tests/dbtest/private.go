package dbtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/cluster"
)

// stopPatience is how long a cluster may take to shut down before it is killed.
const stopPatience = 20 * time.Second

// Options of a private cluster. The zero value is one of the version under test.
type Options struct {
	// Version is a major version, "15" to "18"; empty is Version().
	Version string
	// Settings are server parameters, such as max_connections.
	Settings map[string]string
	// Durable keeps fsync on, for tests that kill the server and look at its data.
	Durable bool
}

// Cluster is a Postgres of one test: for tests that kill servers, change roles or
// settings, or need a certain version. It is private also with DATABASE_URL set.
type Cluster struct {
	*cluster.Cluster
	options cluster.Options
	server  *server
}

// Private starts a cluster that is stopped and removed when the test ends.
func Private(t testing.TB, o Options) *Cluster {
	t.Helper()
	if o.Version == "" {
		o.Version = Version()
	}
	c, err := startCluster(t.Context(), o)
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	t.Cleanup(c.remove)
	if c.server, err = connect(c.URL("postgres")); err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	c.server.disposable = true
	t.Cleanup(c.server.pool.Close)
	return c
}

// New returns a database of this cluster in which Fluxbase is installed.
func (c *Cluster) New(t testing.TB) *DB {
	t.Helper()
	return c.server.newDB(t, true)
}

// Empty returns a database of this cluster with nothing in it.
func (c *Cluster) Empty(t testing.TB) *DB {
	t.Helper()
	return c.server.newDB(t, false)
}

// portPatience is how long a port may be another's before a cluster comes back to it.
const portPatience = time.Minute

// Restart brings the cluster back, on the same port, after Kill or Stop: whoever has
// taken that meanwhile is waited for, because clients know no other.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	o := c.options
	o.Port = c.Port()
	running, err := cluster.Start(context.Background(), o)
	for end := time.Now().Add(portPatience); err != nil && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
		running, err = cluster.Start(context.Background(), o)
	}
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	c.Cluster = running
}

func startCluster(ctx context.Context, o Options) (*Cluster, error) {
	bin, err := binaries(ctx, o.Version)
	if err != nil {
		return nil, err
	}
	removeAbandoned()
	dir, err := folder()
	if err != nil {
		return nil, err
	}
	if err := initdb(ctx, bin, dir); err != nil {
		return nil, err
	}
	c := &Cluster{options: cluster.Options{Dir: dir, Bin: bin, Settings: o.Settings, Throwaway: !o.Durable}}
	if c.Cluster, err = cluster.Start(ctx, c.options); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Cluster) remove() {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	_ = c.Stop(ctx) // whatever it says, the data goes
	_ = os.RemoveAll(c.options.Dir)
}

// removeAbandoned removes what test runs that were killed have left. A folder of
// the last hour may belong to a run that hasn't taken its lock yet.
func removeAbandoned() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), "fluxbase-test-*")) // the pattern is good
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err == nil && time.Since(info.ModTime()) > time.Hour && cluster.Free(dir) {
			_ = os.RemoveAll(dir)
		}
	}
}

// Version is the major version under test: FLUXBASE_TEST_PG, else 15, the oldest
// that we support.
func Version() string {
	if v := os.Getenv("FLUXBASE_TEST_PG"); v != "" {
		return v
	}
	return "15"
}

// Binaries returns the folder of initdb and postgres of a major version: from the
// npm packages that `make test` installs, else from the system.
func Binaries(t testing.TB, version string) string {
	t.Helper()
	bin, err := binaries(t.Context(), version)
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	return bin
}

func binaries(ctx context.Context, version string) (string, error) {
	_, source, _, ok := runtime.Caller(0)
	if ok {
		bin := filepath.Join(filepath.Dir(source), "..", "js", "node_modules", "pg"+version, "native", "bin")
		if _, err := os.Stat(filepath.Join(bin, "postgres")); err == nil {
			return bin, nil
		}
	}
	found, err := cluster.Find(ctx, cluster.Config{Version: version}, nil)
	if err != nil {
		return "", fmt.Errorf("find Postgres %s for the tests (make test installs it): %w", version, err)
	}
	return found.Dir, nil
}
