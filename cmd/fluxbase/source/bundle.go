package source

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// bundle makes one file of a function and of all that it imports.
func (f *Folder) bundle(ctx context.Context, name, entry string, t *tree, static []string, o Options) (*Version, error) {
	temp, err := os.MkdirTemp("", "fluxbase-bundle-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	made := filepath.Join(temp, "index.js")

	args := []string{"bundle", "--quiet", "--platform=deno", "--minify", "--keep-names", "--sourcemap=linked", "--output=" + made}
	resolution, err := f.resolution(name, o)
	if err != nil {
		return nil, err
	}
	args = append(args, resolution...)
	for _, specifier := range t.types {
		args = append(args, "--external="+specifier)
	}
	cmd := exec.CommandContext(ctx, o.Deno, append(args, entry)...)
	cmd.Dir = filepath.Dir(entry)
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "DENO_NO_UPDATE_CHECK=1")
	if !isFile(filepath.Join(filepath.Dir(entry), "package.json")) {
		cmd.Env = append(cmd.Env, "DENO_NO_PACKAGE_JSON=1")
	}
	if said, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("bundle %s: deno ended with %w: %s", name, err, complaint(said))
	}
	code, err := os.ReadFile(made)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", name, err)
	}
	code = dropTypes(code, t.types)

	// Where the function's own file would be, so that what it reads beside itself is there.
	v := &Version{Files: map[string][]byte{}, Bundled: true}
	root := f.dir
	for _, at := range append([]string{entry}, static...) {
		for !strings.HasPrefix(at, root+string(filepath.Separator)) {
			root = filepath.Dir(root)
		}
	}
	v.Entrypoint = relative(root, filepath.Join(filepath.Dir(entry), "index.js"))
	for _, at := range static {
		v.Files[relative(root, at)] = t.files[at]
	}
	v.Files[v.Entrypoint] = code
	if content, err := os.ReadFile(made + ".map"); err == nil {
		if v.Files[v.Entrypoint+".map"], err = leanMap(content, temp, filepath.Dir(entry)); err != nil {
			return nil, fmt.Errorf("bundle %s: %w", name, err)
		}
	}
	return v, nil
}

// resolution are the options that say how imports are resolved: by what is given, else by what
// config.toml names, else by what is beside the function, else by what is for all of them.
func (f *Folder) resolution(name string, o Options) (args []string, err error) {
	at := o.ImportMap
	if own := f.of(name).importMap; at == "" && own != "" {
		at = f.inProject(own)
	}
	if at != "" {
		if at, err = filepath.Abs(at); err != nil {
			return nil, err
		}
		if !isFile(at) {
			return nil, fmt.Errorf("there is no import map %s", at)
		}
	}
	for _, usual := range []string{name + "/deno.json", name + "/deno.jsonc", name + "/import_map.json", "deno.json", "deno.jsonc", "import_map.json"} {
		if usual = filepath.Join(f.dir, filepath.FromSlash(usual)); at == "" && isFile(usual) {
			at = usual
		}
	}
	lock := filepath.Join(filepath.Dir(at), "deno.lock")
	switch base := filepath.Base(at); {
	case at == "":
		return []string{"--no-config", "--no-lock"}, nil
	case !strings.HasPrefix(base, "deno.json"):
		return []string{"--no-config", "--no-lock", "--import-map=" + at}, nil
	case isFile(lock):
		return []string{"--config=" + at, "--lock=" + lock, "--frozen"}, nil
	}
	return []string{"--config=" + at, "--no-lock"}, nil
}

// dropTypes takes out the imports that the bundler left because it was told to.
func dropTypes(code []byte, specifiers []string) []byte {
	for _, specifier := range specifiers {
		left := regexp.MustCompile(`import\s*["']` + regexp.QuoteMeta(specifier) + `["'];?`)
		code = left.ReplaceAll(code, nil)
	}
	return code
}

// inCache finds what of a path names a package, or a file: the cache of Deno is anywhere.
var inCache = regexp.MustCompile(`(?:npm/[^/]+/[^/]*/.*|remote/.*|[^/]*)$`)

// leanMap keeps of a source map what names places: without the sources themselves, which would
// be most of it, and without where they are on this machine.
func leanMap(content []byte, temp, dir string) ([]byte, error) {
	var m struct {
		Version    int      `json:"version"`
		SourceRoot string   `json:"sourceRoot,omitempty"`
		Sources    []string `json:"sources"`
		Names      []string `json:"names"`
		Mappings   string   `json:"mappings"`
	}
	if err := json.Unmarshal(content, &m); err != nil {
		return nil, fmt.Errorf("read the source map: %w", err)
	}
	m.SourceRoot = ""
	for i, source := range m.Sources {
		at := filepath.Join(temp, filepath.FromSlash(source))
		m.Sources[i] = relative(dir, at)
		if strings.HasPrefix(m.Sources[i], "../../") {
			m.Sources[i] = "packages/" + inCache.FindString(filepath.ToSlash(at))
		}
	}
	return json.Marshal(m)
}

// complaint is what Deno says is wrong, without what is for its own makers.
func complaint(said []byte) string {
	if i := bytes.Index(said, []byte("\nStack backtrace")); i >= 0 {
		said = said[:i]
	}
	const enough = 4000
	if len(said) > enough {
		said = said[:enough]
	}
	return strings.TrimSpace(string(said))
}
