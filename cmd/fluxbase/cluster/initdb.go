package cluster

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	passwordFile = "fluxbase.password"
	confFile     = "fluxbase.conf"
)

// DataVersion returns the major version of the data in a cluster's directory
// ("15"), or nothing when there is none yet. Find must be asked for that version.
func DataVersion(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, "data", "PG_VERSION"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("the data in %s is another user's: run as that user or as root, or remove the folder: %w", dir, err)
	}
	return strings.TrimSpace(string(b)), nil
}

// initialize makes the data directory when there is none. All work is done under
// another name and shows itself by one rename, so there is no half-made one.
func (c *Cluster) initialize(ctx context.Context, throwaway bool, say func(string)) error {
	leftovers, err := filepath.Glob(filepath.Join(c.dir, "initdb-*"))
	if err != nil {
		return fmt.Errorf("look for leftovers: %w", err)
	}
	for _, old := range leftovers {
		if err := os.RemoveAll(old); err != nil {
			return fmt.Errorf("remove an unfinished data directory: %w", err)
		}
	}
	version, err := versionOf(c.bin)
	if err != nil {
		return err
	}
	made, err := DataVersion(c.dir)
	if err != nil {
		return err
	}
	if made != "" {
		if major(version) != made {
			return fmt.Errorf("the data is of Postgres %s, but %s is Postgres %s; give the binaries of %s (FLUXBASE_PG_VERSION=%s or FLUXBASE_PG_BIN), or move the folder away",
				made, c.bin, version, made, made)
		}
		return nil
	}
	if _, err := os.Stat(c.data); err == nil {
		return fmt.Errorf("%s is not the data of a Postgres (no PG_VERSION in it); move it away", c.data)
	}

	say("making a database cluster with Postgres " + version)
	data, err := os.MkdirTemp(c.dir, "initdb-")
	if err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if err := c.owner.give(data); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if err := c.initdb(ctx, data, throwaway); err != nil {
		return errors.Join(err, os.RemoveAll(data))
	}
	if err := os.Rename(data, c.data); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	return nil
}

func (c *Cluster) initdb(ctx context.Context, data string, throwaway bool) error {
	// initdb wants an empty directory, so the password waits beside it.
	waiting := data + ".password"
	if err := os.WriteFile(waiting, []byte(rand.Text()+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the superuser's password: %w", err)
	}
	defer os.Remove(waiting)
	if err := c.owner.give(waiting); err != nil {
		return fmt.Errorf("write the superuser's password: %w", err)
	}
	args := []string{"-D", data, "-U", Superuser, "--pwfile=" + waiting, "--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"}
	if throwaway {
		args = append(args, "--no-sync")
	}
	if err := c.initdbInLocale(ctx, args); err != nil {
		return err
	}
	if err := os.Rename(waiting, filepath.Join(data, passwordFile)); err != nil {
		return fmt.Errorf("keep the superuser's password: %w", err)
	}
	conf, err := os.OpenFile(filepath.Join(data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("configure Postgres: %w", err)
	}
	_, err = fmt.Fprintf(conf, "\ninclude_if_exists '%s'  # written anew at each start\n", confFile)
	if err := errors.Join(err, conf.Close()); err != nil {
		return fmt.Errorf("configure Postgres: %w", err)
	}
	return nil
}

// initdbInLocale takes the first locale that the system knows. C.UTF-8 sorts by
// code point on every machine, and still knows upper from lower case.
func (c *Cluster) initdbInLocale(ctx context.Context, args []string) error {
	var out []byte
	var err error
	for _, locale := range []string{"C.UTF-8", "en_US.UTF-8", "C"} {
		cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), append(args, "--locale="+locale)...)
		cmd.Dir, cmd.Env = c.dir, environ()
		c.owner.become(cmd)
		out, err = cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		if !bytes.Contains(out, []byte("invalid locale")) {
			break
		}
	}
	return fmt.Errorf("%s: %w\n%s", filepath.Join(c.bin, "initdb"), err, indent(lastLines(out)))
}

// environ keeps the user's PG… variables and locale away from the server.
func environ() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
}

func (c *Cluster) readPassword() error {
	b, err := os.ReadFile(filepath.Join(c.data, passwordFile))
	if err != nil {
		return fmt.Errorf("the superuser's password: %w; this data directory is not ours, move it away", err)
	}
	c.password = strings.TrimSpace(string(b))
	return nil
}

// writeConf writes the file that postgresql.conf includes.
func (c *Cluster) writeConf() error {
	var b strings.Builder
	b.WriteString("# Written at each start; what you change here is lost.\n")
	fmt.Fprintf(&b, "port = %d\n", c.port)
	escape := strings.NewReplacer(`'`, `''`, `\`, `\\`)
	for name, value := range c.settings {
		fmt.Fprintf(&b, "%s = '%s'\n", name, escape.Replace(value))
	}
	path := filepath.Join(c.data, confFile)
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("configure Postgres: %w", err)
	}
	return c.owner.give(path)
}
