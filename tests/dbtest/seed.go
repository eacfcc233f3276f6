package dbtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/cluster"
)

// seeds holds, by the folder of its binaries, a cluster as initdb left it. Main removes
// them.
var seeds struct {
	mu      sync.Mutex
	folders map[string]string
}

// Initdb puts into dir, an empty folder, what initdb of these binaries makes of it for
// cluster.Start: a copy, which costs a tenth of it. Copies share a password and a system
// identifier.
func Initdb(t testing.TB, bin, dir string) {
	t.Helper()
	if err := initdb(t.Context(), bin, dir); err != nil {
		t.Fatalf("dbtest: %v", err)
	}
}

func initdb(ctx context.Context, bin, dir string) error {
	seed, err := seedOf(ctx, bin)
	if err != nil {
		return fmt.Errorf("make a cluster to copy: %w", err)
	}
	return copyData(ctx, seed, dir)
}

func seedOf(ctx context.Context, bin string) (string, error) {
	seeds.mu.Lock()
	defer seeds.mu.Unlock()
	if dir, ok := seeds.folders[bin]; ok {
		return dir, nil
	}
	dir, err := folder()
	if err != nil {
		return "", err
	}
	if err := makeSeed(ctx, bin, dir); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	if seeds.folders == nil {
		seeds.folders = map[string]string{}
	}
	seeds.folders[bin] = dir
	return dir, nil
}

func makeSeed(ctx context.Context, bin, dir string) error {
	c, err := cluster.Start(ctx, cluster.Options{Dir: dir, Bin: bin, Throwaway: true})
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, c.URL("postgres"))
	if err == nil {
		err = errors.Join(hashOnce(ctx, conn, cluster.Superuser, conn.Config().Password), conn.Close(ctx))
	}
	return errors.Join(err, c.Stop(ctx))
}

func removeSeeds() {
	seeds.mu.Lock()
	defer seeds.mu.Unlock()
	for _, dir := range seeds.folders {
		_ = os.RemoveAll(dir)
	}
}

// copyData copies the data of a cluster that does not run.
func copyData(ctx context.Context, from, to string) error {
	if out, err := exec.CommandContext(ctx, "cp", "-a", filepath.Join(from, "data"), to).CombinedOutput(); err != nil {
		return fmt.Errorf("copy the data: %w\n%s", err, out)
	}
	return nil
}

// folder makes one for a cluster.
func folder() (string, error) {
	dir, err := os.MkdirTemp("", "fluxbase-test-")
	if err != nil {
		return "", fmt.Errorf("make a folder for the cluster: %w", err)
	}
	// As root we run Postgres as another user, who must be able to pass through.
	if err := os.Chmod(dir, 0o711); err != nil {
		return "", fmt.Errorf("make a folder for the cluster: %w", err)
	}
	return dir, nil
}
