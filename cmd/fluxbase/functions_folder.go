package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/source"
	"github.com/fluxbase/fluxbase/proxy/functions"
	"github.com/fluxbase/fluxbase/proxy/wait"
)

// folder is a functions.Source: a folder in which somebody writes them.
type folder struct {
	dir, envFile, deno string
	verify             bool
	say                func(string)

	mu   sync.Mutex
	seen string // of what set was made
	set  *functions.Set
	all  []string
	runs int
}

// lookEvery is how often the folder is looked at.
const lookEvery = 200 * time.Millisecond

// watch looks for changes until ctx ends.
func (f *folder) watch(ctx context.Context, changed func(*functions.Set)) {
	var failed string
	for wait.For(ctx, lookEvery) {
		before := f.current()
		if err := f.look(); err != nil {
			if failed != err.Error() {
				f.say(err.Error())
			}
			failed = err.Error()
			continue
		}
		failed = ""
		if set := f.current(); set != before {
			f.say("reloaded")
			changed(set)
		}
	}
}

// Get is part of functions.Source.
func (f *folder) Get(context.Context) (*functions.Set, error) { return f.current(), nil }

func (f *folder) current() *functions.Set {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.set
}

func (f *folder) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all
}

// fingerprint changes with all that functions are made of, as far as times and sizes tell.
func (f *folder) fingerprint() (string, error) {
	sum := sha256.New()
	err := filepath.WalkDir(f.dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // an editor's own file, gone by now
			return nil
		case err != nil:
			return err
		case e.IsDir():
			if e.Name() == "node_modules" || e.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return nil
		}
		fmt.Fprintln(sum, path, info.Size(), info.ModTime().UnixNano())
		return nil
	})
	for _, path := range []string{f.envFile, filepath.Join(f.dir, "..", "config.toml")} {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintln(sum, path, info.Size(), info.ModTime().UnixNano())
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), err
}

// look makes another set if the folder has changed.
func (f *folder) look() error {
	seen, err := f.fingerprint()
	if err != nil {
		return fmt.Errorf("look at the functions: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if seen == f.seen {
		return nil
	}
	all, err := source.Open(f.dir)
	if err != nil {
		return err
	}
	names, err := all.Names()
	if err != nil {
		return fmt.Errorf("look at the functions: %w", err)
	}
	f.runs++
	f.all = names
	var list []*functions.Definition
	for _, name := range names {
		verify := all.VerifyJWT(name)
		list = append(list, &functions.Definition{
			Name: name, Version: f.runs, Entrypoint: name + "/" + servedEntry, Digest: seen,
			VerifyJWT: f.verify && (verify == nil || *verify), Mode: "per_worker",
		})
	}
	env, err := f.environment()
	if err != nil {
		return err
	}
	f.seen, f.set = seen, functions.NewSet(list, env)
	return nil
}

// environment reads the file for that.
func (f *folder) environment() ([]string, error) {
	path := f.envFile
	if path == "" {
		path = filepath.Join(f.dir, ".env")
	}
	env, skipped, err := readEnvFile(path)
	switch {
	case f.envFile == "" && errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the environment of functions: %w", err)
	case len(skipped) > 0:
		f.say("left out of " + path + ", because the server gives them itself: " + strings.Join(skipped, ", "))
	}
	return env, nil
}

// servedEntry is the module that a function begins with here: where its own is, is not known
// before its files are read. Nobody's file has that name.
const servedEntry = "fluxbase-serve.js"

// Code is part of functions.Source: the files of a function as they would be deployed.
func (f *folder) Code(ctx context.Context, d *functions.Definition) (map[string][]byte, error) {
	all, err := source.Open(f.dir)
	var v *source.Version
	if err == nil {
		v, err = all.Read(ctx, d.Name, source.Options{Deno: f.deno})
	}
	if err != nil {
		return nil, err
	}
	own := strconv.Quote(strings.Repeat("../", strings.Count(d.Entrypoint, "/")) + v.Entrypoint)
	v.Files[d.Entrypoint] = []byte("import * as own from " + own + ";\nexport default own.default;\n")
	return v.Files, nil
}
