package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// MaxBytes is how large the files of a version may be, as functions.deploy has it.
const MaxBytes = 20 << 20

// Folder holds the functions of a project.
type Folder struct {
	dir      string // absolute
	settings map[string]*settings
}

// Options of Read.
type Options struct {
	// Deno is the program that bundles; empty if there is none.
	Deno string
	// ImportMap is an import map, or a deno.json, instead of what the folder says.
	ImportMap string
}

// Version is a function as it is deployed.
type Version struct {
	Files      map[string][]byte // path, with slashes and relative, to content
	Entrypoint string            // among Files
	VerifyJWT  *bool             // as config.toml says; nil if it does not
	Bundled    bool
	Sources    []string // absolute paths of what was read, but not of packages
}

// entrypoints are what a function may begin with, if nothing is said.
var entrypoints = []string{"index.ts", "index.js", "index.tsx", "index.jsx", "index.mts", "index.mjs"}

// Open looks at a folder of functions, and at the config.toml beside it.
func Open(dir string) (*Folder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("there is no folder %s: put each function into a folder of its own in it, as %s, or name another with --dir",
			dir, filepath.Join(dir, "NAME", "index.ts"))
	}
	f := &Folder{dir: dir}
	f.settings, err = readConfig(filepath.Join(filepath.Dir(dir), "config.toml"))
	return f, err
}

// Names are the functions that the folder holds, sorted, but those that config.toml turns off.
func (f *Folder) Names() (names []string, err error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		name := entry.Name()
		if info, err := os.Stat(filepath.Join(f.dir, name)); err != nil || !info.IsDir() || !isName(name) {
			continue
		}
		if s := f.settings[name]; s != nil && s.enabled != nil && !*s.enabled {
			continue
		}
		if _, err := f.entry(name); err == nil {
			names = append(names, name)
		}
	}
	for name, s := range f.settings {
		if s.entrypoint != "" && (s.enabled == nil || *s.enabled) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// VerifyJWT is what config.toml says of a function; nil if it does not.
func (f *Folder) VerifyJWT(name string) *bool { return f.of(name).verifyJWT }

func (f *Folder) of(name string) *settings {
	if s := f.settings[name]; s != nil {
		return s
	}
	return &settings{}
}

// inProject makes a path of config.toml absolute: it is relative to that file.
func (f *Folder) inProject(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(f.dir), filepath.FromSlash(path))
}

// entry is the absolute path of what a function begins with.
func (f *Folder) entry(name string) (string, error) {
	if !isName(name) {
		return "", fmt.Errorf("%q cannot be the name of a function: it is 1 to 63 letters, digits, _ or -, and begins with a letter or digit", name)
	}
	if own := f.of(name).entrypoint; own != "" {
		own = f.inProject(own)
		if _, err := os.Stat(own); err != nil {
			return "", fmt.Errorf("config.toml says that %s begins with %s, and that is not there", name, own)
		}
		return own, nil
	}
	for _, base := range entrypoints {
		if at := filepath.Join(f.dir, name, base); isFile(at) {
			return at, nil
		}
	}
	return "", fmt.Errorf("there is no function %s in %s: it would begin with %s", name, f.dir, filepath.Join(name, "index.ts"))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Read makes a version of a function.
func (f *Folder) Read(ctx context.Context, name string, o Options) (*Version, error) {
	entry, err := f.entry(name)
	if err != nil {
		return nil, err
	}
	t := &tree{folder: f, files: map[string][]byte{}}
	if err := t.add(entry); err != nil {
		return nil, err
	}
	sources := t.paths()
	static, err := f.static(name)
	if err != nil {
		return nil, err
	}
	for _, at := range static {
		if t.files[at], err = os.ReadFile(at); err != nil {
			return nil, err
		}
	}
	var v *Version
	switch {
	case len(t.foreign) == 0 && o.ImportMap == "":
		v = t.asIs(entry)
	case o.Deno == "":
		return nil, t.needsDeno()
	default:
		if v, err = f.bundle(ctx, name, entry, t, static, o); err != nil {
			return nil, err
		}
	}
	v.VerifyJWT = f.of(name).verifyJWT
	v.Sources = append(sources, static...)
	size := 0
	for _, content := range v.Files {
		size += len(content)
	}
	if size > MaxBytes {
		return nil, fmt.Errorf("%s has %d MB of files, and a version at most %d: leave out what it does not need, or read it from storage when it runs",
			name, size>>20, MaxBytes>>20)
	}
	return v, nil
}

// static are the files that config.toml lists beside the code.
func (f *Folder) static(name string) (paths []string, err error) {
	for _, pattern := range f.of(name).static {
		found, err := filepath.Glob(f.inProject(pattern))
		if err != nil {
			return nil, fmt.Errorf("static_files of %s: %q: %w", name, pattern, err)
		}
		for _, at := range found {
			if isFile(at) && !slices.Contains(paths, at) {
				paths = append(paths, at)
			}
		}
	}
	return paths, nil
}

// tree is what a module imports, with what that imports.
type tree struct {
	folder  *Folder
	files   map[string][]byte // absolute path to content
	foreign []foreign
	// types are imports that hold nothing but types, such as those of Supabase's templates.
	types []string
}

// foreign is an import that only Deno can resolve.
type foreign struct {
	path string
	statement
}

// add reads a module and all that it imports from files.
func (t *tree) add(at string) error {
	if _, there := t.files[at]; there {
		return nil
	}
	content, err := os.ReadFile(at)
	if err != nil {
		return err
	}
	t.files[at] = content
	if !isCode(at) {
		return nil
	}
	for _, st := range statements(content) {
		switch {
		case st.typeOnly:
			// Gone before it runs.
		case strings.HasSuffix(st.specifier, ".d.ts"):
			t.files[at] = blank(t.files[at], st)
			t.types = append(t.types, st.specifier)
		case strings.HasPrefix(st.specifier, "node:"), strings.HasPrefix(st.specifier, "data:"):
		case strings.HasPrefix(st.specifier, "./"), strings.HasPrefix(st.specifier, "../"):
			next := filepath.Join(filepath.Dir(at), filepath.FromSlash(st.specifier))
			if err := t.add(next); errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s:%d imports %s, and there is no such file; Deno wants the whole name, with its ending", at, st.line, st.specifier)
			} else if err != nil {
				return err
			}
		default:
			t.foreign = append(t.foreign, foreign{at, st})
		}
	}
	return nil
}

func isCode(at string) bool {
	return slices.Contains([]string{".ts", ".js", ".tsx", ".jsx", ".mts", ".mjs"}, strings.ToLower(filepath.Ext(at)))
}

// blank has spaces instead of an import of nothing but types, which no server could resolve.
func blank(content []byte, st statement) []byte {
	if !st.bare {
		return content
	}
	content = bytes.Clone(content)
	for i := st.start; i < st.end; i++ {
		if content[i] != '\n' {
			content[i] = ' '
		}
	}
	return content
}

func (t *tree) paths() (paths []string) {
	for at := range t.files {
		paths = append(paths, at)
	}
	slices.Sort(paths)
	return paths
}

// asIs is a version of the files themselves, below the folder that has all of them.
func (t *tree) asIs(entry string) *Version {
	paths := t.paths()
	root := filepath.Dir(entry)
	for _, at := range paths {
		for !strings.HasPrefix(at, root+string(filepath.Separator)) {
			root = filepath.Dir(root)
		}
	}
	v := &Version{Files: make(map[string][]byte, len(paths)), Entrypoint: relative(root, entry)}
	for _, at := range paths {
		v.Files[relative(root, at)] = t.files[at]
	}
	return v
}

// relative is a path below root, with slashes.
func relative(root, at string) string {
	rel, err := filepath.Rel(root, at)
	if err != nil {
		return path.Base(filepath.ToSlash(at))
	}
	return filepath.ToSlash(rel)
}

// needsDeno says what can't be deployed without it.
func (t *tree) needsDeno() error {
	if len(t.foreign) == 0 {
		return errors.New("an import map needs Deno: " + installDeno)
	}
	first := t.foreign[0]
	more := ""
	if n := len(t.foreign) - 1; n > 0 {
		more = fmt.Sprintf(", and there are %d more such imports", n)
	}
	return fmt.Errorf("%s:%d imports %s%s: packages are bundled when a function is deployed, which needs Deno here (not on the server): %s",
		first.path, first.line, first.specifier, more, installDeno)
}

// installDeno is how to get it.
const installDeno = "install it (https://deno.com, or: npm install -g deno), or say where it is with FLUXBASE_DENO_BIN"
