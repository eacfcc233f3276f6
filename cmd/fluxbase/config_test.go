package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// setenv starts from an environment without settings of ours.
func setenv(t *testing.T, env map[string]string) {
	t.Helper()
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "FLUXBASE_") || strings.HasPrefix(name, pgrstPrefix) || name == "DATABASE_URL" {
			t.Setenv(name, "") // restored when the test ends
			os.Unsetenv(name)
		}
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
}

const goodURL = "postgres://authenticator:hunter2@127.0.0.1:1/app"

// Not parallel, like all tests here: the environment is the process's.
func TestAllMistakesOfAStartAreReportedTogether(t *testing.T) {
	setenv(t, map[string]string{
		"FLUXBASE_DATABASE_URL":             "postgres://user:hunter2@[::1/app",
		"FLUXBASE_SERVICE_DATABASE_URL":     "hunter2 hunter2",
		"FLUXBASE_DATABASE_MAX_CONNECTIONS": "many",
		"FLUXBASE_DATABASE_ACQUIRE_TIMEOUT": "10 parsecs",
		"FLUXBASE_SERVER_PORT":              "123456",
		"FLUXBASE_SERVER_METRICS_ADDRESS":   "nowhere",
		"FLUXBASE_SERVER_CORS_ORIGINS":      "app.example.com",
		"FLUXBASE_SERVER_TRUSTED_PROXIES":   "balancer",
		"FLUXBASE_SERVER_FORWARDED_HEADER":  "X-Real-IP",
		"FLUXBASE_SERVER_TLS_CERT_FILE":     "/nowhere/cert.pem",
		"FLUXBASE_SERVER_HSTS":              "max-age=1\r\nSet-Cookie: a=b",
		"FLUXBASE_PUBLIC_URL":               "https://api.example.com/path",
		"FLUXBASE_MODULES":                  "rest,teleport",
		"FLUXBASE_LOG_LEVEL":                "loud",
		"FLUXBASE_LOG_FORMAT":               "xml",
		"FLUXBASE_JWT_SECRET":               "hunter2",
	})
	var out, errOut bytes.Buffer
	status := run(t.Context(), []string{"serve"}, &out, &errOut)
	if status != exitUsage {
		t.Errorf("exit status %d, want %d", status, exitUsage)
	}
	text := errOut.String()
	for _, name := range []string{
		"FLUXBASE_DATABASE_URL", "FLUXBASE_SERVICE_DATABASE_URL", "FLUXBASE_DATABASE_MAX_CONNECTIONS",
		"FLUXBASE_DATABASE_ACQUIRE_TIMEOUT", "FLUXBASE_SERVER_PORT", "FLUXBASE_SERVER_METRICS_ADDRESS",
		"FLUXBASE_SERVER_CORS_ORIGINS", "FLUXBASE_SERVER_TRUSTED_PROXIES", "FLUXBASE_SERVER_FORWARDED_HEADER", "FLUXBASE_SERVER_TLS_KEY_FILE",
		"FLUXBASE_SERVER_HSTS", "FLUXBASE_PUBLIC_URL", "FLUXBASE_MODULES", "FLUXBASE_LOG_LEVEL", "FLUXBASE_LOG_FORMAT", "FLUXBASE_JWT_SECRET",
	} {
		if n := strings.Count(text, "\n  - "+name); n != 1 {
			t.Errorf("%s is reported %d times, want once", name, n)
		}
	}
	if strings.Contains(text, "hunter2") {
		t.Error("a secret is printed")
	}
	if t.Failed() {
		t.Log(text)
	}
	if got := os.Getenv("FLUXBASE_DATABASE_MAX_CONNECTIONS"); got != "many" {
		t.Errorf("reading the environment changed it: %q", got)
	}
}

func TestMissingDatabaseURLSaysWhatToGive(t *testing.T) {
	setenv(t, map[string]string{"DATABASE_URL": goodURL}) // an administrator's is not taken for it
	var errOut bytes.Buffer
	if status := run(t.Context(), []string{"serve"}, &errOut, &errOut); status != exitUsage || !strings.Contains(errOut.String(), "FLUXBASE_DATABASE_URL is not set") {
		t.Errorf("status %d: %s", status, &errOut)
	}
}

func TestBareNamesAreNotOurs(t *testing.T) {
	setenv(t, map[string]string{"FLUXBASE_DATABASE_URL": goodURL, "SECRET": "not ours", "HOST": "example.com", "PORT": "1", "URL": "x"})
	set, err := loadSettings(flags{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if set.JWT.Secret != "" || set.Server.Host != "127.0.0.1" || set.Server.Port != 8080 {
		t.Errorf("a variable without our prefix was taken: %+v", set.Server)
	}
}

func TestZeroAndNegativeMeanTheDefault(t *testing.T) {
	for _, v := range []string{"0", "-1"} {
		setenv(t, map[string]string{
			"FLUXBASE_DATABASE_URL":             goodURL,
			"FLUXBASE_DATABASE_MAX_CONNECTIONS": v, "FLUXBASE_DATABASE_MIN_CONNECTIONS": v,
			"FLUXBASE_SERVICE_DATABASE_MAX_CONNECTIONS": v, "FLUXBASE_DATABASE_STATEMENT_CACHE": v,
			"FLUXBASE_DATABASE_ACQUIRE_TIMEOUT": v + "s", "FLUXBASE_SERVER_REQUEST_TIMEOUT": v + "s",
			"FLUXBASE_SERVER_BODY_LIMIT": v, "FLUXBASE_SERVER_MAX_HEADER_BYTES": v,
			"FLUXBASE_SERVER_MAX_HEADERS": v, "FLUXBASE_SERVER_WRITE_TIMEOUT": v + "s", "FLUXBASE_SERVER_COMPRESSION_MIN_BYTES": v,
			"FLUXBASE_SERVER_MAX_CONNECTIONS": v, "FLUXBASE_SERVER_MAX_CONNECTIONS_PER_IP": v,
		})
		set, err := loadSettings(flags{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		db, server := set.DB, set.Server
		if db.MaxConnections != 50 || db.MinConnections != 10 || db.ServiceMaxConnections != 10 || db.StatementCache != 500 ||
			db.AcquireTimeout != 10*time.Second || server.RequestTimeout != 30*time.Second || server.BodyLimit != 0 || server.MaxHeaderBytes != 64<<10 ||
			server.MaxConnections != 10000 || server.MaxConnectionsPerIP != 1000 ||
			server.MaxHeaders != 100 || server.WriteTimeout != time.Minute || server.CompressionMin != 1<<10 || !server.Compression {
			t.Errorf("%s: got %+v %+v", v, db, server)
		}
	}
}

func TestExitStatusTellsWrongCallsFromFailures(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want int
	}{
		{[]string{"--help"}, exitOK},
		{[]string{"version"}, exitOK},
		{[]string{"keys"}, exitOK},
		{[]string{"teleport"}, exitUsage},
		{[]string{"serve", "now"}, exitUsage},
		{[]string{"serve", "--warp", "9"}, exitUsage},
		{[]string{"keys", "--jwt-secret", "short"}, exitUsage},
		{[]string{"keys", "--user", "ada"}, exitUsage},
		{[]string{"keys", "--user", "ada", "--jwt-secret", "short"}, exitUsage},
		{[]string{"ready"}, exitFailed},
	} {
		setenv(t, map[string]string{"FLUXBASE_SERVER_PORT": "1"})
		var out bytes.Buffer
		if got := run(t.Context(), tt.args, &out, &out); got != tt.want {
			t.Errorf("fluxbase %v: exit status %d, want %d\n%s", tt.args, got, tt.want, &out)
		}
	}
}
