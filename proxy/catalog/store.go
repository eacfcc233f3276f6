package catalog

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluxbase/fluxbase/proxy/trace"
	"github.com/fluxbase/fluxbase/proxy/wait"
	"github.com/fluxbase/fluxbase/proxy/web"
	"github.com/prometheus/client_golang/prometheus"
)

//go:embed fingerprint.sql
var fingerprintSQL string

const (
	// checkEvery is how old the answer to "has the schema changed?" may get.
	checkEvery = time.Second
	// checkShare bounds the checks to a fiftieth of the time, however many tables
	// there are.
	checkShare = 50
	// freshEvery spaces the look-ups that names without an entry ask for, so
	// that a client who guesses names costs next to nothing.
	freshEvery = 100 * time.Millisecond
	// patience is how long who asks for a name that may be new waits for a look.
	patience = 2 * time.Second
	// loadTimeout is for one look at the database.
	loadTimeout = 30 * time.Second
)

// Store keeps the current Catalog. The old one serves until the new one stands,
// and while the database can't be asked.
type Store struct {
	db      Querier
	cfg     Config
	log     *slog.Logger
	current atomic.Pointer[Catalog]
	// For metrics; took is that of the last load, as time.Duration.
	loaded, failed, took atomic.Int64
	reported             atomic.Pointer[string] // the last error in the log

	checks sync.WaitGroup // under way, for Fresh

	announced func() bool
	every     time.Duration // the least distance of checks while changes are announced
	wake      chan struct{} // the schema has changed

	mu          sync.Mutex // held while the database is asked
	fingerprint string
	last        time.Time    // when the last check began
	cost        atomic.Int64 // of the last check, as time.Duration

	joining sync.Mutex
	stopped bool          // Run has ended: nobody would wait for another check
	next    chan struct{} // closed by the check that has not begun yet; nil if none is due
}

// NewStore makes a store that holds nothing yet; Run fills and refreshes it.
func NewStore(db Querier, cfg Config, reg prometheus.Registerer, log *slog.Logger) *Store {
	s := &Store{
		db: db, cfg: cfg, log: log,
		announced: func() bool { return false }, wake: make(chan struct{}, 1),
	}
	loads := func(status string, n *atomic.Int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "fluxbase_catalog_loads_total",
			Help:        "Times that the catalogue of the database was loaded, by outcome.",
			ConstLabels: prometheus.Labels{"status": status},
		}, func() float64 { return float64(n.Load()) })
	}
	reg.MustRegister(loads("ok", &s.loaded), loads("failed", &s.failed), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fluxbase_catalog_load_seconds",
		Help: "How long the last load of the catalogue took.",
	}, func() float64 { return s.Stat().Took.Seconds() }))
	return s
}

// Stat is how loading went so far.
type Stat struct {
	Loaded, Failed int64
	Took           time.Duration // the last load that went well
}

// Stat tells how loading went so far.
func (s *Store) Stat() Stat {
	return Stat{Loaded: s.loaded.Load(), Failed: s.failed.Load(), Took: time.Duration(s.took.Load())}
}

// Ready says whether there is a catalogue to serve with.
func (s *Store) Ready() error {
	if s.Current() == nil {
		return web.CatalogNotLoaded
	}
	return nil
}

// Current is the catalogue that stands; nil before the first one.
func (s *Store) Current() *Catalog { return s.current.Load() }

// Follow lets the store rely on Wake while announced says that every change of the
// schema is followed by a call of it, and look by itself only every so often. To be
// called before Run.
func (s *Store) Follow(announced func() bool, every time.Duration) {
	s.announced, s.every = announced, every
}

// Wake says that the schema may have changed, and returns at once.
func (s *Store) Wake() {
	select {
	case s.wake <- struct{}{}:
	default: // the check that is due will see it
	}
}

// Run keeps the catalogue fresh until ctx ends. A database that is away is asked
// again; what stands goes on serving.
func (s *Store) Run(ctx context.Context) {
	defer s.stop()
	for {
		began := time.Now()
		err := s.Refresh(ctx)
		if ctx.Err() == nil {
			s.report(err)
		}
		// As long as that took, so that changes in a row leave the database half its time.
		if !wait.For(ctx, min(time.Since(began), checkEvery)) || !s.wait(ctx, began, err != nil) {
			return
		}
	}
}

// wait returns when a check is due, or with false when ctx ends. Whether changes are
// announced is asked again and again, because a stream may end at any time.
func (s *Store) wait(ctx context.Context, last time.Time, failed bool) bool {
	tick := time.NewTicker(max(checkEvery, time.Duration(s.cost.Load())*checkShare))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-s.wake:
			return true
		case <-tick.C:
			if failed || !s.announced() || time.Since(last) >= s.every {
				return true
			}
		}
	}
}

// stop waits for the checks under way.
func (s *Store) stop() {
	s.joining.Lock()
	s.stopped = true
	s.joining.Unlock()
	s.checks.Wait()
}

// Reload loads the catalogue whether or not the database seems to have changed.
func (s *Store) Reload(ctx context.Context) error {
	s.mu.Lock()
	s.fingerprint = ""
	s.mu.Unlock()
	return s.Refresh(ctx)
}

// Refresh loads the catalogue if there is none or the database has changed.
func (s *Store) Refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = time.Now()
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	// Read before the load: a change in between is then seen by the next check.
	print, err := s.readFingerprint(ctx)
	if err != nil {
		return err
	}
	if print == s.fingerprint {
		return nil
	}
	began := time.Now()
	c, err := Load(ctx, s.db, s.cfg)
	if err == nil && s.Current() == nil {
		err = c.complete(s.cfg)
	}
	if err != nil {
		s.failed.Add(1)
		return err
	}
	s.loaded.Add(1)
	s.took.Store(int64(time.Since(began)))
	s.current.Store(c)
	s.fingerprint = print
	return nil
}

func (s *Store) readFingerprint(ctx context.Context) (string, error) {
	began := time.Now()
	res, err := s.db.Do(ctx, transaction(fingerprintSQL, s.cfg))
	if err != nil {
		return "", fmt.Errorf("check the catalogue: %w", err)
	}
	s.cost.Store(int64(time.Since(began)))
	defer res.Free()
	return string(res.Values[0]), nil
}

// Fresh gives a catalogue that was checked after the call began: for a name that
// the current one does not hold, before anyone is told that it does not exist.
// Calls share one check, and checks keep a distance, for which a call waits.
// When the database can't be asked, or has no connection free for patience, it
// gives what stands.
func (s *Store) Fresh(ctx context.Context) *Catalog {
	_, span := trace.Start(ctx, "wait for the catalogue")
	defer span.End()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-s.join():
	case <-late.C:
	case <-ctx.Done():
	}
	return s.Current()
}

// closed is a check that is over.
var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// join gives the channel of the next check that has not begun, and starts one
// if there is none.
func (s *Store) join() <-chan struct{} {
	s.joining.Lock()
	defer s.joining.Unlock()
	if s.stopped {
		return closed
	}
	if s.next == nil {
		s.next = make(chan struct{})
		done := s.next
		s.checks.Go(func() { s.check(done) })
	}
	return s.next
}

// check makes one check. Who comes after it began waits for the next one. It
// ends by itself after loadTimeout.
func (s *Store) check(done chan struct{}) {
	defer close(done)
	s.mu.Lock()
	wait := time.Until(s.last.Add(freshEvery))
	s.mu.Unlock()
	time.Sleep(wait)

	s.joining.Lock()
	s.next = nil
	s.joining.Unlock()
	s.report(s.Refresh(context.Background()))
}

// report logs how a check went, if the one before went otherwise: checks come
// every second.
func (s *Store) report(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch was := s.reported.Swap(&text); {
	case was != nil && *was == text, was == nil && err == nil:
	case err != nil:
		s.log.Warn("the catalogue is not fresh", "error", err)
	default:
		s.log.Info("the catalogue is fresh again")
	}
}
