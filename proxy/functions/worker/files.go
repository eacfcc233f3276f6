package worker

import (
	"context"
	"crypto/sha256"
	_ "embed" // boot.js
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

//go:embed boot.js
var boot []byte

// lay makes the pool's directory, and puts there what all workers read. Workers that are other
// users come through it, and read no list of what is in it. It is locked for as long as the pool
// is there, so that the next one removes what one left that was killed.
func (p *Pool) lay() error {
	if err := os.MkdirAll(p.o.Dir, 0o711); err != nil {
		return err
	}
	all, err := filepath.Glob(filepath.Join(p.o.Dir, "p*", "lock"))
	if err != nil {
		return err
	}
	for _, name := range all {
		if lock, err := locked(name); err == nil {
			_ = os.RemoveAll(filepath.Dir(name))
			_ = lock.Close()
		}
	}
	if p.o.UID != 0 {
		if err := os.Chmod(p.o.Dir, 0o711); err != nil {
			return err
		}
	}
	if p.o.Dir, err = os.MkdirTemp(p.o.Dir, "p"); err != nil {
		return err
	}
	if p.lock, err = locked(filepath.Join(p.o.Dir, "lock")); err != nil {
		return err
	}
	for _, dir := range []string{"", "modules", "code"} {
		if err := os.MkdirAll(filepath.Join(p.o.Dir, dir), 0o711); err != nil {
			return err
		}
	}
	if err := os.Chmod(p.o.Dir, 0o711); err != nil { // whatever the umask says
		return err
	}
	if err := os.Chmod(filepath.Join(p.o.Dir, "code"), 0o700); err != nil {
		return err
	}
	if err := os.Chmod(filepath.Join(p.o.Dir, "modules"), 0o755); err != nil {
		return err
	}
	imports := map[string]string{}
	for specifier, source := range p.o.Modules {
		name := filepath.Join(p.o.Dir, "modules", digest(specifier)+".js")
		if err := write(name, source); err != nil {
			return err
		}
		imports[specifier] = "file://" + name
	}
	p.imports = imports
	if err := writeImports(filepath.Join(p.o.Dir, "imports.json"), imports); err != nil {
		return err
	}
	return write(filepath.Join(p.o.Dir, "boot.js"), boot)
}

// locked opens a file that nobody else has open and locked.
func locked(name string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

func write(name string, content []byte) error {
	if err := os.WriteFile(name, content, 0o444); err != nil {
		return err
	}
	return os.Chmod(name, 0o444)
}

func writeImports(name string, imports map[string]string) error {
	text, err := json.Marshal(map[string]any{"imports": imports})
	if err != nil {
		return err
	}
	return write(name, text)
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// furnish makes a worker's directory, which is its user's alone.
func (p *Pool) furnish(dir string, uid int) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if uid == 0 {
		return nil
	}
	return os.Chown(dir, uid, uid)
}

// code returns the directory that has the files of s, and reads them if it is not there yet.
func (p *Pool) code(ctx context.Context, s *Spec) (string, error) {
	p.disk.Lock()
	defer p.disk.Unlock()
	dir := filepath.Join(p.o.Dir, "code", digest(s.Name), digest(s.Key))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	files, err := s.Files(ctx)
	if err != nil {
		return "", err
	}
	if files[s.Entry] == nil {
		return "", fmt.Errorf("there is no file %q", s.Entry)
	}
	part := dir + ".part"
	_ = os.RemoveAll(part)
	for name, content := range files {
		if !filepath.IsLocal(name) || strings.ContainsRune(name, 0) || strings.ContainsRune(name, '\\') {
			return "", fmt.Errorf("%q is not the name of a file of a function", name)
		}
		to := filepath.Join(part, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return "", err
		}
		if err := write(to, content); err != nil {
			return "", err
		}
	}
	return dir, os.Rename(part, dir)
}

// dropCodeLocked removes what is on disk of a function but the key that is kept, and those of
// which there are workers, or will be.
func (p *Pool) dropCodeLocked(name string) {
	if p.closing {
		return // all of it goes
	}
	p.tasks.Go(func() {
		p.disk.Lock()
		defer p.disk.Unlock()
		p.mu.Lock()
		kept := map[string]bool{digest(p.kept[name]): true}
		for key, g := range p.groups {
			kept[digest(key)] = kept[digest(key)] || g.spec.Name == name
		}
		p.mu.Unlock()
		of := filepath.Join(p.o.Dir, "code", digest(name))
		entries, _ := os.ReadDir(of)
		for _, entry := range entries {
			if !kept[entry.Name()] {
				_ = os.RemoveAll(filepath.Join(of, entry.Name()))
			}
		}
	})
}

// place gives a worker the files as links, which cost next to nothing.
func place(from, to string) error {
	return filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rest)
		if entry.IsDir() {
			if err := os.Mkdir(target, 0o755); err != nil {
				return err
			}
			return os.Chmod(target, 0o755)
		}
		return os.Link(name, target)
	})
}

// configs are the files in which a function may map imports: the first that there is, beside
// its entry or else at the top.
var configs = []string{"deno.json", "import_map.json"}

// ownImports reads such a map: what it says of the function's own files, as paths among them,
// and of our modules. It is nil where there is none.
func (p *Pool) ownImports(code, entry string) (map[string]string, error) {
	for _, dir := range []string{path.Dir(entry), "."} {
		for _, config := range configs {
			text, err := os.ReadFile(filepath.Join(code, filepath.FromSlash(dir), config))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			var has struct{ Imports map[string]string }
			if err == nil {
				err = json.Unmarshal(text, &has)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", config, err)
			}
			if len(has.Imports) == 0 {
				continue
			}
			return p.resolve(dir, has.Imports)
		}
	}
	return nil, nil
}

func (p *Pool) resolve(dir string, imports map[string]string) (map[string]string, error) {
	own := maps.Clone(p.imports)
	for specifier, target := range imports {
		switch known, ok := p.imports[target]; {
		case ok:
			own[specifier] = known
		case strings.HasPrefix(target, "./") || strings.HasPrefix(target, "../"):
			at := path.Join(dir, target)
			if !filepath.IsLocal(at) {
				return nil, fmt.Errorf("the import %q is not among the files of the function", target)
			}
			if strings.HasSuffix(target, "/") {
				at += "/"
			}
			own[specifier] = "./code/" + (&url.URL{Path: at}).EscapedPath()
		}
	}
	return own, nil
}

// resolvers are the name servers of /etc/resolv.conf.
func resolvers() (list []netip.Addr) {
	text, _ := os.ReadFile("/etc/resolv.conf")
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "nameserver" {
			if addr, err := netip.ParseAddr(words[1]); err == nil {
				list = append(list, addr.Unmap().WithZone(""))
			}
		}
	}
	return list
}
