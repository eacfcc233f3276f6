package cluster

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// oldest is the first major version that Fluxbase supports.
const oldest = 15

// Config says which Postgres binaries to use.
type Config struct {
	Bin        string `envconfig:"FLUXBASE_PG_BIN" desc:"Folder of the Postgres binaries (initdb, postgres) that fluxbase dev runs. Empty by default: the system's packages, then PATH, then a download, because most machines have one of them."`
	Version    string `envconfig:"FLUXBASE_PG_VERSION" desc:"Major version (15 to 18) that fluxbase dev runs. Empty by default: the newest that is installed, or that of the data which is already there."`
	Repository string `envconfig:"FLUXBASE_PG_REPOSITORY" desc:"Maven repository from which fluxbase dev downloads Postgres when none is installed. Empty by default: the one built into the embedded-postgres library; set it to use a mirror."`
}

// Check reports every mistake in c, naming the variable.
func (c *Config) Check() error {
	if c.Version == "" {
		return nil
	}
	if n, err := strconv.Atoi(c.Version); err != nil || n < oldest {
		return fmt.Errorf("FLUXBASE_PG_VERSION is %q: give a major version from %d on, such as 17, or leave it out", c.Version, oldest)
	}
	return nil
}

// Binaries is one installation of Postgres.
type Binaries struct {
	// Dir holds initdb and postgres.
	Dir string
	// Version is such as "15.18".
	Version string
}

// Find looks for Postgres binaries: the folder in cfg.Bin, the system's packages
// with the newest first, what PATH leads to. When there are none of the wanted
// version it lets the embedded-postgres library download its own, telling
// progress how that goes.
func Find(ctx context.Context, cfg Config, progress func(string)) (Binaries, error) {
	if err := cfg.Check(); err != nil {
		return Binaries{}, err
	}
	if cfg.Bin != "" {
		version, err := versionOf(cfg.Bin)
		if err != nil {
			return Binaries{}, fmt.Errorf("FLUXBASE_PG_BIN: %w", err)
		}
		if !cfg.wants(version) {
			return Binaries{}, fmt.Errorf("FLUXBASE_PG_BIN: %s holds Postgres %s; wanted is %s", cfg.Bin, version, cfg.wanted())
		}
		return Binaries{cfg.Bin, version}, nil
	}
	for _, list := range [][]Binaries{packaged(), onPath(ctx)} {
		for _, b := range list {
			if cfg.wants(b.Version) {
				return b, nil
			}
		}
	}
	b, err := Fetch(ctx, cfg, progress)
	if err != nil {
		return Binaries{}, fmt.Errorf("no Postgres %s is installed here, and downloading one did not work: %w\n"+
			"install it (Debian: apt install postgresql; macOS: brew install postgresql@17), or set FLUXBASE_PG_BIN to the folder of its initdb, or DATABASE_URL to a database elsewhere",
			cfg.wanted(), err)
	}
	return b, nil
}

func (c *Config) wants(version string) bool {
	n, err := strconv.Atoi(major(version))
	return err == nil && n >= oldest && (c.Version == "" || c.Version == major(version))
}

func (c *Config) wanted() string {
	if c.Version != "" {
		return c.Version
	}
	return fmt.Sprintf("%d or newer", oldest)
}

// packaged lists what the usual packages of Debian, Red Hat, Homebrew and
// Postgres.app installed, newest first.
func packaged() []Binaries {
	var found []Binaries
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/usr/libexec/postgresql*",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		dirs, _ := filepath.Glob(pattern) // the patterns are good, and Glob fails for nothing else
		for _, dir := range dirs {
			if version, err := versionOf(dir); err == nil {
				found = append(found, Binaries{dir, version})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Binaries) int { return number(b.Version) - number(a.Version) })
	return found
}

// onPath follows pg_config, then a postgres that is itself on PATH.
func onPath(ctx context.Context) []Binaries {
	var dirs []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	var found []Binaries
	for _, dir := range dirs {
		if version, err := versionOf(dir); err == nil {
			found = append(found, Binaries{dir, version})
		}
	}
	return found
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+(?:\.\d+|beta\d+|rc\d+|devel)?)`)

// versionOf asks the server binary in dir, and makes sure that initdb is beside it.
func versionOf(dir string) (string, error) {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("%s is not the folder of a Postgres server: %w", dir, err)
		}
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s does not run here: %w\n%s", filepath.Join(dir, "postgres"), err, indent(lastLines(out)))
	}
	m := versionPattern.FindSubmatch(out)
	if m == nil {
		return "", errors.New("what is the version of " + strings.TrimSpace(string(out)) + "?")
	}
	return string(m[1]), nil
}

// major returns "15" for "15.18" and "19" for "19beta1".
func major(version string) string {
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		return version
	}
	return version[:end]
}

func number(version string) int {
	n, _ := strconv.Atoi(major(version))
	return n
}
