package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/proxy"
	"github.com/fluxbase/fluxbase/proxy/functions"
	"github.com/fluxbase/fluxbase/proxy/functions/worker"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/wait"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// findDeno is the program that functions run in; empty if there is none.
func findDeno(cfg functions.Config) string {
	path, err := osexec.LookPath(cmp.Or(cfg.Deno, "deno"))
	if err != nil {
		return ""
	}
	if path, err = filepath.Abs(path); err != nil {
		return ""
	}
	return path
}

// newCatalog makes what knows the functions.
func (f *front) newCatalog(set *settings) error {
	seals, err := f.openSeals(set)
	if err != nil {
		return err
	}
	f.catalog = functions.NewCatalog(f.pools[servicePool], seals)
	return nil
}

// openSeals gives the keys of what is sealed; nil where there are none.
func (f *front) openSeals(set *settings) (*seal.Keys, error) {
	if f.seals != nil || set.Seal.EncryptionKey == "" {
		return f.seals, nil
	}
	return seal.New(set.Seal)
}

// functionOperations are the routes by which operators look after functions.
func (f *front) functionOperations(set *settings) ([]web.OperatorRoute, error) {
	seals, err := f.openSeals(set)
	return (&functions.Admin{Seals: seals}).Operations(), err
}

// edge makes what answers at /functions/v1. finish ends it, after all that may call functions.
func edge(ctx context.Context, set *settings, l net.Listener, f *front, deps *proxy.Deps) (finish func(), err error) {
	tokens, err := f.verifier(set.JWT)
	if err != nil {
		return nil, err
	}
	f.background.Go(func() { tokens.Follow(ctx, deps.Log) })
	url := f.authURL(set, l)
	keys, err := functionKeys(set)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("find a name for this process: %w", err)
	}
	journal := functions.NewJournal(f.pools[servicePool], deps.Log, deps.Reg)
	made := functions.Deps{
		Source: f.catalog, Tokens: tokens, Recorder: journal, Metrics: functions.NewMetrics(deps.Reg),
		ServiceKey: keys.Service, Environment: functions.NewEnvironment(set.Functions, url, keys),
		Process: host + " " + l.Addr().String(), Log: deps.Log,
	}
	if f.limits != nil {
		made.Limit = f.limits.Caller
	}
	dir := &workDir{given: set.Functions.Dir}
	if deno := findDeno(set.Functions); deno == "" {
		deps.Log.Warn("functions can't be called", "missing", functions.ErrNoDeno)
	} else {
		made.NewPool = func(output functions.Output) (*worker.Pool, error) {
			return newPool(set, deno, dir, url, output, deps.Log)
		}
	}
	h := functions.New(set.Functions, made)
	f.functions.Store(h)
	deps.Reg.MustRegister(h.Collector())
	deps.Functions = h.Serve
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	written := make(chan struct{})
	go func() {
		defer close(written)
		journal.Run(writing)
	}()
	f.background.Go(func() { keepFunctions(ctx, f.pools[servicePool], deps.Log) })
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), functionsGrace)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			deps.Log.Warn("functions were ended before they were done", "error", err)
		}
		stop()
		<-written
		if err := dir.remove(); err != nil {
			deps.Log.Warn("the folder of functions is left behind", "error", err)
		}
	}, nil
}

// functionsGrace is how long what functions do behind their answers, and WebSockets, may go on
// when the process ends.
const functionsGrace = 5 * time.Second

// functionKeys are the keys of the API that functions get.
func functionKeys(set *settings) (functions.Keys, error) {
	k := functions.Keys{Anon: set.Functions.AnonKey, Service: set.Functions.ServiceKey}
	if secret, ok := signingSecret(); ok && (k.Anon == "" || k.Service == "") && len(secret) > 0 {
		anon, service, err := token.Keys(secret, time.Now())
		if err != nil {
			return k, err
		}
		k.Anon, k.Service = cmp.Or(k.Anon, anon), cmp.Or(k.Service, service)
	}
	k.Publishable, k.Secret = cmp.Or(set.Functions.PublishableKey, k.Anon), cmp.Or(set.Functions.SecretKey, k.Service)
	return k, nil
}

// newPool makes what runs functions.
func newPool(set *settings, deno string, dir *workDir, api string, output functions.Output, log *slog.Logger) (*worker.Pool, error) {
	path, err := dir.path()
	if err != nil {
		return nil, err
	}
	o := worker.Options{
		Deno: deno, Dir: filepath.Join(path, "workers"), Total: set.Functions.Workers, Spares: set.Functions.Spares,
		Denied: deniedTo(set), Allowed: allowedTo(set, api), Output: output, Log: log,
		// What Supabase's templates begin with: types alone.
		Modules: map[string][]byte{"jsr:@supabase/functions-js/edge-runtime.d.ts": {}},
	}
	switch closed := closedToOthers(deno, path); {
	case os.Getuid() != 0 || set.Functions.UID < 0:
	case closed != "":
		log.Warn("functions run as root, because other users may not enter a folder; FLUXBASE_FUNCTIONS_UID would have them others", "folder", closed)
	default:
		o.UID = set.Functions.UID
	}
	return worker.New(o)
}

// closedToOthers is a file or folder on the way to one of these that only some may use; empty
// if there is none.
func closedToOthers(paths ...string) string {
	for _, path := range paths {
		for at := path; ; at = filepath.Dir(at) {
			info, err := os.Stat(at)
			if err != nil || info.Mode().Perm()&1 == 0 {
				return at
			}
			if at == filepath.Dir(at) {
				break
			}
		}
	}
	return ""
}

// allowedTo are the addresses that functions reach wherever they are: the API, and the
// database that they were given.
func allowedTo(set *settings, api string) (list []netip.AddrPort) {
	add := func(host string, port uint16) {
		addresses, _ := net.LookupHost(host)
		for _, address := range addresses {
			if a, err := netip.ParseAddr(address); err == nil {
				list = append(list, netip.AddrPortFrom(a.Unmap().WithZone(""), port))
			}
		}
	}
	if u, err := url.Parse(api); err == nil {
		port, err := strconv.ParseUint(cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme]), 10, 16)
		if err == nil {
			add(u.Hostname(), uint16(port))
		}
	}
	if cfg, err := pgx.ParseConfig(set.Functions.DatabaseURL); set.Functions.DatabaseURL != "" && err == nil {
		add(cfg.Host, cfg.Port)
	}
	return list
}

// deniedTo are the addresses that functions don't reach: those of the databases.
func deniedTo(set *settings) (list []netip.Prefix) {
	for _, text := range []string{set.DB.DatabaseURL, set.DB.ServiceDatabaseURL, set.Stream.DatabaseURL} {
		cfg, err := pgx.ParseConfig(text)
		if text == "" || err != nil {
			continue
		}
		addresses, _ := net.LookupHost(cfg.Host) // one that is not known can't be reached
		for _, address := range addresses {
			if a, err := netip.ParseAddr(address); err == nil {
				list = append(list, netip.PrefixFrom(a.Unmap().WithZone(""), a.Unmap().BitLen()))
			}
		}
	}
	return list
}

// workDir is the folder of functions.
type workDir struct{ given, made string }

func (d *workDir) path() (string, error) {
	if d.given != "" {
		path, err := filepath.Abs(d.given)
		if err == nil {
			err = os.MkdirAll(path, 0o711)
		}
		if err != nil {
			return "", fmt.Errorf("FLUXBASE_FUNCTIONS_DIR: %w", err)
		}
		return path, nil
	}
	path, err := os.MkdirTemp("", "fluxbase-functions-")
	if err != nil {
		return "", fmt.Errorf("make a folder for functions: %w", err)
	}
	d.made = path
	return path, os.Chmod(path, 0o711) // workers may be other users
}

// remove deletes what path has made.
func (d *workDir) remove() error {
	if d.made == "" {
		return nil
	}
	return os.RemoveAll(d.made)
}

// maintainFunctions is how often what functions left behind is looked after.
const (
	maintainFunctions = time.Hour
	maintainAgain     = time.Minute
)

// keepFunctions makes and drops partitions until ctx ends.
func keepFunctions(ctx context.Context, db *pg.DB, log *slog.Logger) {
	for pause := time.Duration(0); wait.For(ctx, pause); {
		pause = maintainFunctions
		_, err := db.Value(ctx, &pg.Tx{Caller: pg.Caller{Role: "service_role"}, Main: pg.Statement{SQL: `select functions.maintain()`}})
		if err != nil && ctx.Err() == nil {
			log.Warn("the logs of functions can't be looked after; it is tried again", "error", err)
			pause = maintainAgain
		}
	}
}
