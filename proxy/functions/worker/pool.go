package worker

import (
	"context"
	"fmt"
	"net/http/httputil"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluxbase/fluxbase/proxy/fetch"
)

// Pool keeps the workers of all functions of this process.
type Pool struct {
	o       Options
	spawner *spawner
	proxy   *httputil.ReverseProxy
	numbers atomic.Int64 // of directories
	lock    *os.File
	imports map[string]string // of the modules that all functions have
	ctx     context.Context   // until Close
	stop    context.CancelFunc
	disk    sync.Mutex // of the code on disk

	processes sync.WaitGroup // what waits for a process
	tasks     sync.WaitGroup // all other goroutines

	mu       sync.Mutex
	closing  bool
	groups   map[string]*group
	kept     map[string]string // the key of each function that Drop has last told of
	spares   []*worker
	workers  map[*worker]bool // all that are not reaped, spares too
	slots    []bool           // those that are taken
	hungry   []*group         // wait for a slot, in order
	evicting int              // idle workers that are ended for them
	started  int64
	killed   map[string]int64
	calls    int
	quiet    chan struct{} // closed when closing and the last call is over
	sparing  bool          // a spare is being started
}

// group is the workers of one Spec.
type group struct {
	spec     *Spec
	limits   Limits
	workers  []*worker // that take requests
	waiting  []*waiter
	starting int
	dropped  bool
	own      bool  // has a map of imports
	failed   error // of the last start
	failedAt time.Time
}

type waiter struct {
	call *call
	done chan error // of one
}

// New makes a pool, and starts its spares.
func New(o Options) (*Pool, error) {
	o = o.orDefaults()
	p := &Pool{
		o: o, proxy: newProxy(), quiet: make(chan struct{}),
		groups: map[string]*group{}, kept: map[string]string{}, workers: map[*worker]bool{}, slots: make([]bool, o.Total), killed: map[string]int64{},
	}
	p.ctx, p.stop = context.WithCancel(context.Background())
	if _, err := os.Stat(o.Deno); err != nil {
		return nil, fmt.Errorf("find Deno: %w", err)
	}
	var err error
	if p.o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	// The longest name of a socket is 108 bytes (unix(7)); a comma ends a path for Deno.
	if len(p.o.Dir) > 80 || strings.Contains(p.o.Dir, ",") {
		return nil, fmt.Errorf("the directory of the workers needs a shorter name, without commas: %s", p.o.Dir)
	}
	for _, system := range []string{"/dev/", "/proc/", "/sys/"} {
		if strings.HasPrefix(p.o.Dir, system) {
			return nil, fmt.Errorf("the directory of the workers, %s, can't be below %s, where Deno lets them read nothing", p.o.Dir, system)
		}
	}
	if err := p.lay(); err != nil {
		return nil, err
	}
	var why error
	if p.spawner, why = newSpawner(p.reachable(resolvers()), o.Log); why != nil {
		o.Log.Warn("no guard for the network of functions", "error", why, "network", o.Unguarded)
	}
	p.tasks.Go(p.watch)
	p.mu.Lock()
	p.fillLocked()
	p.mu.Unlock()
	return p, nil
}

// reachable judges where workers may connect to: resolvers, and by TCP what is public and not
// denied.
func (p *Pool) reachable(resolvers []netip.Addr) func(to netip.AddrPort, datagrams bool) bool {
	return func(to netip.AddrPort, datagrams bool) bool {
		addr := to.Addr().Unmap().WithZone("")
		if !datagrams && slices.Contains(p.o.Allowed, netip.AddrPortFrom(addr, to.Port())) {
			return true
		}
		if addr.IsUnspecified() {
			return false // another name of this machine
		}
		for _, d := range p.o.Denied {
			if d.Contains(addr) {
				return false
			}
		}
		if to.Port() == 53 && slices.Contains(resolvers, addr) {
			return true
		}
		return !datagrams && (p.o.Private || fetch.Public(addr))
	}
}

// retryBoot is for how long requests are told of a start that failed, instead of another.
const retryBoot = time.Second

// acquire finds room for a call, and waits for it if need be. cold says that a worker had to
// be started for it.
func (p *Pool) acquire(ctx context.Context, c *call) (cold bool, err error) {
	p.mu.Lock()
	if p.closing {
		p.mu.Unlock()
		return false, closed
	}
	g := p.groups[c.spec.Key]
	if g == nil {
		g = &group{spec: c.spec, limits: c.limits}
		p.groups[c.spec.Key] = g
	}
	if w := g.pick(); w != nil && len(g.waiting) == 0 {
		w.attach(c)
		p.mu.Unlock()
		return false, nil
	}
	if g.failed != nil && len(g.workers) == 0 && time.Since(g.failedAt) < retryBoot {
		p.mu.Unlock()
		return true, unstarted()
	}
	if len(g.waiting) >= p.o.Queue {
		p.mu.Unlock()
		return false, noRoom
	}
	wt := &waiter{c, make(chan error, 1)}
	g.waiting = append(g.waiting, wt)
	cold = len(g.workers) == 0
	p.growLocked(g)
	p.mu.Unlock()

	patience := time.NewTimer(p.o.Wait)
	defer patience.Stop()
	select {
	case err := <-wt.done:
		return cold, err
	case <-ctx.Done():
		err = ctx.Err()
	case <-patience.C:
		err = noRoom
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(g.waiting, wt); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
		return cold, err
	}
	return cold, <-wt.done // it was answered meanwhile
}

// pick is the worker that has least to do, of those that have room.
func (g *group) pick() (least *worker) {
	for _, w := range g.workers {
		if w.active < g.limits.Concurrency && !w.stuck && (least == nil || w.active < least.active) {
			least = w
		}
	}
	if least != nil && g.spec.Oneshot && least.served+least.active > 0 {
		return nil
	}
	return least
}

// attach gives a call to a worker.
func (w *worker) attach(c *call) {
	w.account()
	if w.active == 0 {
		w.alive, w.cpuAlive, w.crowd = time.Now(), w.cpu, 0
	}
	w.active++
	w.crowd = max(w.crowd, w.active)
	c.worker, c.share, c.alone = w, w.share, w.alone
	c.until = time.Now().Add(c.limits.Wall)
	c.place = w.byAge.PushBack(c)
	w.calls[c.inv.ID] = c
	w.pool.calls++
	if w.group.spec.Oneshot {
		w.retireLocked()
	}
}

// release ends a call's part in its worker, and tells what of its CPU time was the call's.
func (p *Pool) release(c *call) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := c.worker
	w.account()
	w.byAge.Remove(c.place)
	w.active--
	w.served++
	w.idle = time.Now()
	c.over = true
	w.forget(c)
	if p.calls--; p.calls == 0 && p.closing {
		close(p.quiet)
	}
	if w.served >= p.o.Requests {
		w.retireLocked()
	}
	w.endIfDone()
	if !w.retired {
		p.serveWaitingLocked(w.group)
		if w.active == 0 && len(p.hungry) > 0 {
			p.feedLocked()
		}
	}
	return w.share - c.share
}

// maxLate is how many calls that are over a worker remembers.
const maxLate = 16

// forget drops a call that is over, and gave nothing to waitUntil that still goes on.
func (w *worker) forget(c *call) {
	if c.over && c.done >= max(c.waits, c.told) && w.calls[c.inv.ID] == c {
		delete(w.calls, c.inv.ID)
		if w.late = append(w.late, c); len(w.late) > maxLate {
			w.late = slices.Delete(w.late, 0, 1)
		}
		w.endIfDone()
	}
}

// endIfDone ends a worker that takes no more requests and has none.
func (w *worker) endIfDone() {
	if w.retired && w.active == 0 && len(w.calls) == 0 && time.Now().After(w.grace) {
		w.killLocked("")
	}
}

// retireLocked has a worker take no more requests.
func (w *worker) retireLocked() {
	if w.retired {
		return
	}
	w.retired = true
	if g := w.group; g != nil {
		g.workers = slices.DeleteFunc(g.workers, func(o *worker) bool { return o == w })
		w.pool.growLocked(g)
	}
	w.pool.spares = slices.DeleteFunc(w.pool.spares, func(o *worker) bool { return o == w })
}

// serveWaitingLocked hands calls that wait to workers that have room.
func (p *Pool) serveWaitingLocked(g *group) {
	for len(g.waiting) > 0 {
		w := g.pick()
		if w == nil {
			p.growLocked(g)
			return
		}
		wt := g.waiting[0]
		g.waiting = slices.Delete(g.waiting, 0, 1)
		w.attach(wt.call)
		wt.done <- nil
	}
}

// gone takes a worker that was reaped out of everything.
func (p *Pool) gone(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.workers, w)
	w.retireLocked()
	if w.slot >= 0 {
		p.slots[w.slot] = false
	}
	if w.evicted {
		p.evicting--
	}
	if g := w.group; g != nil && g.idle() {
		p.forgetGroup(g)
	}
	p.feedLocked()
	p.fillLocked()
}

func (g *group) idle() bool {
	return len(g.workers) == 0 && len(g.waiting) == 0 && g.starting == 0
}

// forgetGroup leaves of a group without workers no more than its code on disk.
func (p *Pool) forgetGroup(g *group) {
	if p.groups[g.spec.Key] == g && (g.dropped || g.failed == nil) {
		delete(p.groups, g.spec.Key)
		if g.dropped {
			p.dropCodeLocked(g.spec.Name)
		}
	}
}
