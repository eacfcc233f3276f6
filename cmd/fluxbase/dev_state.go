package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/demo"
	"github.com/fluxbase/fluxbase/proxy/jobs"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/sql"
)

// devState is what dev makes once and finds again at the next start, so that
// keys which were copied into an app stay good.
type devState struct {
	JWTSecret     string `json:"jwt_secret"`
	EncryptionKey string `json:"encryption_key"`
	// Passwords of our logins: by server, by role.
	Passwords map[string]map[string]string `json:"passwords"`

	path string
}

// privateServer is how the state names dev's own cluster, whose port may change.
const privateServer = "private"

// foreignServer is how the state names the server behind an administrator's URL.
func foreignServer(admin string) string {
	config, err := pgx.ParseConfig(admin)
	if err != nil {
		return "" // connecting says what is wrong with it
	}
	return net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
}

func loadDevState(dir string) (*devState, error) {
	s := &devState{path: filepath.Join(dir, "dev.json"), Passwords: map[string]map[string]string{}}
	// Passed through by Postgres's user when we are root, looked into by nobody.
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("make %s: %w", dir, err)
	}
	if err := hideFromGit(dir); err != nil {
		return nil, fmt.Errorf("make %s: %w", dir, err)
	}
	text, err := os.ReadFile(s.path)
	switch {
	case err == nil:
		if err := json.Unmarshal(text, s); err != nil {
			return nil, fmt.Errorf("%s: %w; remove the file, and new secrets are made", s.path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read the secrets: %w; run as the user who made %s, or choose another folder with --data", err, dir)
	}
	if s.JWTSecret == "" {
		s.JWTSecret = newSecret()
	}
	if s.EncryptionKey == "" {
		s.EncryptionKey = newSecret()
	}
	return s, s.save()
}

// save replaces the file in one step: half of one would lose the secrets. One that
// says the same is left alone, so that root doesn't take it from its owner.
func (s *devState) save() error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("keep the secrets: %w", err)
	}
	text = append(text, '\n')
	if old, err := os.ReadFile(s.path); err == nil && bytes.Equal(old, text) {
		return nil
	}
	if err := os.WriteFile(s.path+".new", text, 0o600); err != nil {
		return fmt.Errorf("keep the secrets: %w", err)
	}
	return os.Rename(s.path+".new", s.path)
}

func (s *devState) logins(server string) map[string]string {
	if s.Passwords[server] == nil {
		s.Passwords[server] = map[string]string{}
	}
	return s.Passwords[server]
}

// environment sets what serve reads and the user has not set.
func (d *dev) environment(server string) error {
	derived := map[string]string{
		"FLUXBASE_ADMIN_DATABASE_URL": d.admin,
		"FLUXBASE_JWT_SECRET":         d.state.JWTSecret,
		"FLUXBASE_ENCRYPTION_KEY":     d.state.EncryptionKey,
		"FLUXBASE_LOG_FORMAT":         "text",
		"FLUXBASE_SERVER_DRAIN_DELAY": "0s", // no balancer looks at us
		// Any free port: two projects may run at once, and the log says which.
		"FLUXBASE_SERVER_METRICS_ADDRESS": "127.0.0.1:0",
	}
	for role, variable := range map[string]string{
		sql.Authenticator: "FLUXBASE_DATABASE_URL",
		sql.Service:       "FLUXBASE_SERVICE_DATABASE_URL",
		sql.Replication:   "FLUXBASE_REPLICATION_DATABASE_URL",
	} {
		password, ok := d.state.logins(server)[role]
		if !ok {
			continue
		}
		url, err := sql.LoginURL(d.admin, role, password)
		if err != nil {
			return err
		}
		derived[variable] = url
	}
	for name, value := range derived {
		if os.Getenv(name) != "" {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// signingSecret is the HS256 secret in effect, if it is one: a user's own
// FLUXBASE_JWT_SECRET may be a public key or lie in a file.
func signingSecret() ([]byte, bool) {
	text := os.Getenv("FLUXBASE_JWT_SECRET")
	if strings.HasPrefix(text, "@") || strings.HasPrefix(strings.TrimSpace(text), "{") {
		return nil, false
	}
	if base64ed, _ := strconv.ParseBool(os.Getenv("FLUXBASE_JWT_SECRET_IS_BASE64")); base64ed {
		secret, err := base64.StdEncoding.DecodeString(text)
		return secret, err == nil
	}
	return []byte(text), true
}

// summary prints where the backend is and how to try it.
func (d *dev) summary(ctx context.Context, set *settings, baseURL string) {
	psql := `psql "$DATABASE_URL"`
	if d.cluster != nil {
		psql = "psql '" + d.admin + "'"
		if err := d.cluster.announce("serving " + baseURL); err != nil {
			d.say(err.Error()) // only a second dev in this folder misses it
		}
	}
	fmt.Fprintf(d.out, "\nURL               %s\n", baseURL)
	if set.Realtime.Inspect && set.Main.on("realtime") && set.Stream.DatabaseURL != "" {
		fmt.Fprintf(d.out, "realtime, live    %s/realtime/v1/inspect\n", baseURL)
	}
	if set.Jobs.UI && set.Main.on("jobs") && set.Main.on("admin") {
		fmt.Fprintf(d.out, "jobs, live        %s%s\n", baseURL, jobs.UI.Path)
	}
	secret, ok := signingSecret()
	if !ok {
		fmt.Fprintf(d.out, "database          %s\n\nFLUXBASE_JWT_SECRET is yours, so are the keys. Ctrl-C stops.\n", psql)
		return
	}
	now := time.Now()
	anon, service, err := token.Keys(secret, now)
	if err != nil {
		d.say(err.Error())
		return
	}
	fmt.Fprintf(d.out, "anon key          %s\nservice-role key  %s\ndatabase          %s\n", anon, service, psql)
	if d.hasDemo {
		d.tryDemo(baseURL, anon, secret, now)
	}
	fmt.Fprint(d.out, "\nCtrl-C stops it; the data stays.\n")
}

// tryDemo prints two lines to paste: what everyone may read, and a write as the
// demo's user Ada.
func (d *dev) tryDemo(baseURL, anon string, secret []byte, now time.Time) {
	ada, err := token.SignHS256(secret, map[string]any{
		"iss": "fluxbase", "sub": demo.Ada, "role": "authenticated", "email": "ada@example.com",
		"iat": now.Unix(), "exp": now.AddDate(0, 0, 30).Unix(),
	})
	if err != nil {
		d.say(err.Error())
		return
	}
	fmt.Fprintf(d.out, `
Try it: what everyone may read, then a note by Ada, who stays signed in for 30 days
curl '%[1]s/rest/v1/notes?select=id,title' -H 'apikey: %[2]s'
curl '%[1]s/rest/v1/notes' -H 'apikey: %[2]s' -H 'Authorization: Bearer %[3]s' -H 'Content-Type: application/json' -H 'Prefer: return=representation' -d '{"title": "from curl"}'
`, baseURL, anon, ada)
}
