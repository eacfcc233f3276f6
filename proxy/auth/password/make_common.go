//go:build ignore

// Command make_common writes common/passwords.txt.gz from the npm package that common/README.md
// names, which it fetches by npm: go generate ./proxy/auth/password
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

const source = "@zxcvbn-ts/language-common@4.1.3"

// shortest is the least length that password_min_length can ask for.
const shortest = 6

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "common")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	name, err := exec.Command("npm", "pack", "--silent", "--pack-destination", dir, source).Output()
	if err != nil {
		return err
	}
	pack, err := os.ReadFile(filepath.Join(dir, strings.TrimSpace(string(name))))
	if err != nil {
		return err
	}
	list, err := member(pack, "package/src/passwords.json")
	if err != nil {
		return err
	}
	var passwords []string
	if err := json.Unmarshal(list, &passwords); err != nil {
		return err
	}
	for i, p := range passwords {
		passwords[i] = strings.ToLower(p)
	}
	passwords = slices.DeleteFunc(passwords, func(p string) bool { return utf8.RuneCountInString(p) < shortest })
	slices.Sort(passwords)
	passwords = slices.Compact(passwords)

	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, strings.Join(passwords, "\n")+"\n"); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile("common/passwords.txt.gz", out.Bytes(), 0o644)
}

// member reads a file of a packed npm package.
func member(pack []byte, path string) ([]byte, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(pack))
	if err != nil {
		return nil, err
	}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the package has no " + path)
		}
		if err != nil {
			return nil, err
		}
		if header.Name == path {
			return io.ReadAll(files)
		}
	}
}
