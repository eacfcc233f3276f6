package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/cluster"
	"github.com/fluxbase/fluxbase/proxy/token"
)

const (
	database   = "load"
	secret     = "a secret of the load test, 32 bytes or more"
	passphrase = "load"
)

// start brings up Postgres with the schema and the server in front of it.
func start(ctx context.Context, dir string, pool int) (*bench, error) {
	// Postgres runs as another user when we are root, and must pass through.
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "wrk.lua"), []byte(script), 0o600); err != nil {
		return nil, err
	}
	progress := func(step string) { fmt.Fprintln(os.Stderr, step) }
	found, err := cluster.Find(ctx, cluster.Config{Bin: os.Getenv("FLUXBASE_PG_BIN")}, progress)
	if err != nil {
		return nil, err
	}
	db, err := cluster.Start(ctx, cluster.Options{
		Dir: filepath.Join(dir, "pg"), Bin: found.Dir, Progress: progress,
		Settings: map[string]string{"shared_buffers": "512MB"},
	})
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir, bin: found.Dir, db: db}
	if err := b.prepare(ctx, pool); err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

func (b *bench) prepare(ctx context.Context, pool int) error {
	fmt.Fprintln(os.Stderr, "loading the schema")
	if err := b.exec(ctx, "postgres", `create database `+database); err != nil {
		return err
	}
	if err := b.exec(ctx, "postgres", `create role authenticator login noinherit password '`+passphrase+`'`); err != nil {
		return err
	}
	if err := b.exec(ctx, database, schema); err != nil {
		return err
	}
	if err := b.exec(ctx, database, `vacuum (analyze) api.items, api.items_of_tenants, api.reviews, api.categories`); err != nil { // it wants to be alone
		return err
	}
	var err error
	if b.token, err = token.SignHS256([]byte(secret), map[string]any{"role": "load_user", "tenant": 1}); err != nil {
		return err
	}
	return b.serve(ctx, pool)
}

func (b *bench) exec(ctx context.Context, db, statements string) error {
	conn, err := pgx.Connect(ctx, b.db.URL(db))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statements); err != nil {
		return fmt.Errorf("prepare the database: %w", err)
	}
	return nil
}

func (b *bench) serve(ctx context.Context, pool int) (err error) {
	fmt.Fprintln(os.Stderr, "building the server")
	b.binary = filepath.Join(b.dir, "fluxbase")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", b.binary, "./cmd/fluxbase").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	b.server, b.base, err = b.process(ctx,
		"FLUXBASE_DATABASE_URL="+b.login(database, "authenticator"), "FLUXBASE_REST_DB_SCHEMAS=api",
		"FLUXBASE_DATABASE_MAX_CONNECTIONS="+fmt.Sprint(pool))
	return err
}

// login is the URL of a login, of the one password, to a database.
func (b *bench) login(db, name string) string {
	u, err := url.Parse(b.db.URL(db))
	if err != nil {
		panic(err) // the cluster's own
	}
	u.User = url.UserPassword(name, passphrase)
	return u.String()
}

// process starts a server, which the caller stops, and returns its address once it
// takes requests.
func (b *bench) process(ctx context.Context, env ...string) (*exec.Cmd, string, error) {
	cmd := exec.Command(b.binary, "serve")
	cmd.Env = append(os.Environ(), "FLUXBASE_SERVICE_DATABASE_URL=", "FLUXBASE_JWT_SECRET="+secret, "FLUXBASE_MODULES=rest",
		"FLUXBASE_SERVER_HOST=127.0.0.1", "FLUXBASE_SERVER_PORT=0", "FLUXBASE_SERVER_METRICS_ADDRESS=off")
	cmd.Env = append(cmd.Env, env...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	address := make(chan string, 1)
	go readLog(stdout, address)
	select {
	case base := <-address:
		return cmd, base, nil
	case <-time.After(20 * time.Second):
		err = fmt.Errorf("the server was not ready within 20 s")
	case <-ctx.Done():
		err = ctx.Err()
	}
	stop(cmd)
	return nil, "", err
}

func stop(cmd *exec.Cmd) {
	if cmd != nil {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
}

// readLog finds the server's address in its log and reads on, as whatever
// collects the log in production does.
func readLog(log io.Reader, address chan<- string) {
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var line struct{ Msg, URL string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
			address <- line.URL
			break
		}
	}
	_, _ = io.Copy(io.Discard, log)
}
