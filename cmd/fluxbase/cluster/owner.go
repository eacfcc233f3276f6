package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// owner is the ordinary user that Postgres runs as when we are root, which it
// refuses to be. A nil owner means: as ourselves.
type owner struct {
	uid, gid uint32
	name     string
}

// UnreachableError says that the user Postgres must run as may not enter a
// folder. A caller with another place to offer can try that.
type UnreachableError struct {
	Folder, User string
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("Postgres will not run as root, and user %q may not enter %s; chmod o+x %s, or use a folder elsewhere",
		e.User, e.Folder, e.Folder)
}

// ordinaryUser picks the user: whoever owns the data already, so that a folder
// can be used by root after its user, else postgres, else nobody.
func ordinaryUser(data string) (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	info, err := os.Stat(data)
	if err == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 {
			return &owner{uid: stat.Uid, gid: stat.Gid, name: strconv.Itoa(int(stat.Uid))}, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("look up user %s: %w", name, err)
		}
		return &owner{uid: uint32(uid), gid: uint32(gid), name: name}, nil
	}
	return nil, errors.New("as root we run Postgres as another user, and there is neither postgres nor nobody; make one with: useradd --system postgres")
}

// dirMode lets the owner pass through the cluster's directory, and nobody look into it.
func (o *owner) dirMode() fs.FileMode {
	if o == nil {
		return 0o700
	}
	return 0o711
}

// give makes a file or directory the owner's.
func (o *owner) give(path string) error {
	if o == nil {
		return nil
	}
	return os.Chown(path, int(o.uid), int(o.gid))
}

// become makes cmd run as the owner, in a session of its own: the terminal's
// Ctrl-C is for us, we tell Postgres ourselves.
func (o *owner) become(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if o != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: o.uid, Gid: o.gid}
	}
}

// prepare sees to it that the owner can reach the cluster and the binaries. The
// binaries are copied when they lie where only root can go.
func (o *owner) prepare(c *Cluster, say func(string)) error {
	if o == nil {
		return nil
	}
	if folder := o.barred(c.dir); folder != "" {
		return &UnreachableError{Folder: folder, User: o.name}
	}
	bin, err := filepath.EvalSymlinks(c.bin)
	if err != nil {
		return fmt.Errorf("the Postgres binaries: %w", err)
	}
	if o.barred(bin) == "" {
		return nil
	}
	version, err := versionOf(c.bin)
	if err != nil {
		return err
	}
	copied := filepath.Join(c.dir, "postgres-"+version)
	c.bin = filepath.Join(copied, "bin")
	if _, err := os.Stat(copied); err == nil {
		return nil
	}
	say("copying the Postgres binaries to where user " + o.name + " can run them")
	partial := copied + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("copy the Postgres binaries: %w", err)
	}
	if err := os.CopyFS(partial, os.DirFS(filepath.Dir(bin))); err != nil {
		return fmt.Errorf("copy the Postgres binaries: %w", err)
	}
	return os.Rename(partial, copied)
}

// barred returns the first folder on the way to path, path included, that the
// owner may not enter, or nothing.
func (o *owner) barred(path string) string {
	for _, folder := range parents(path) {
		info, err := os.Stat(folder)
		if err != nil {
			return folder
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			continue
		}
		enter := info.Mode().Perm() & 0o001
		switch {
		case stat.Uid == o.uid:
			enter = info.Mode().Perm() & 0o100
		case stat.Gid == o.gid:
			enter = info.Mode().Perm() & 0o010
		}
		if enter == 0 {
			return folder
		}
	}
	return ""
}

// parents lists the folders on the way to an absolute path, from the root down
// to the path itself.
func parents(path string) []string {
	up := filepath.Dir(path)
	if up == path {
		return []string{path}
	}
	return append(parents(up), path)
}
