package dbtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/cluster"
)

// Standby makes a hot standby of c, which is restarted for it, and removes it when the
// test ends. Its databases, roles and passwords are those of c.
func (c *Cluster) Standby(t testing.TB) *Cluster {
	t.Helper()
	s, err := c.standby(t.Context(), t)
	if err != nil {
		t.Fatalf("dbtest: make a standby: %v", err)
	}
	t.Cleanup(s.remove)
	return s
}

func (c *Cluster) standby(ctx context.Context, t testing.TB) (*Cluster, error) {
	dir, err := folder()
	if err != nil {
		return nil, err
	}
	stopping, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	if err := c.Stop(stopping); err != nil {
		return nil, err
	}
	// All of it is there once it has stopped; and not every version comes with pg_basebackup.
	if err := copyData(ctx, c.options.Dir, dir); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "standby.signal"), nil, 0o644); err != nil {
		return nil, err
	}
	c.Restart(t)
	primary, err := pgx.ParseConfig(c.URL("postgres"))
	if err != nil {
		return nil, err
	}
	s := &Cluster{options: cluster.Options{Dir: dir, Bin: c.options.Bin, Throwaway: c.options.Throwaway, Settings: map[string]string{
		"primary_conninfo": fmt.Sprintf("host=%s port=%d user=%s password=%s", primary.Host, primary.Port, primary.User, primary.Password),
	}}}
	s.Cluster, err = cluster.Start(ctx, s.options)
	return s, err
}
