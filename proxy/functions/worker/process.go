package worker

import (
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// worker is one process. What is below mu is under the pool's mutex.
type worker struct {
	pool  *Pool
	dir   string // its own: the socket, and the code when it has some
	slot  int
	uid   int // 0 for our own
	proc  *os.Process
	stdin *os.File
	stat  *os.File
	http  *http.Transport

	known     chan struct{} // closed when the pool has it
	listening chan struct{} // closed when the socket is there
	loaded    chan error    // of its code
	exited    chan struct{} // closed when it is reaped

	// mu
	group    *group
	active   int // requests that it has
	calls    map[string]*call
	late     []*call    // that are over, the last ones: what they said may still be in the pipe
	byAge    *list.List // of *call: those that are active, the oldest first
	crowd    int        // most that it had at once since it had none
	served   int
	since    time.Time // when its code was loaded
	idle     time.Time // when it had its last request
	retired  bool      // takes no more
	grace    time.Time // until which it is not ended for that
	evicted  bool
	dead     bool
	why      string // Kind of what it was ended for
	outOf    bool   // memory, as stderr said
	stuck    bool   // its event loop does not turn
	alive    time.Time
	resident int64
	peak     int64
	minute   time.Time
	stray    int
	// CPU time in ns: used until the last look; then; what each request had of it, had it been
	// there from the start; used with a single request; share when it was retired for it.
	cpu, cpuAlive, share, alone, soft int64
}

// usage is what /proc says of a process.
type usage struct {
	threads  int
	resident int64
}

// launch starts a process that is given its code later. With g it is one for that function
// alone; nil makes a spare. The slot is taken for it, and free again when it is gone, or was
// not started.
func (p *Pool) launch(slot int, g *group, imports map[string]string) (_ *worker, err error) {
	defer func() {
		if err != nil {
			p.mu.Lock()
			p.slots[slot] = false
			p.mu.Unlock()
		}
	}()
	w := &worker{
		pool: p, slot: slot, dir: filepath.Join(p.o.Dir, "w"+strconv.FormatInt(p.numbers.Add(1), 10)),
		known: make(chan struct{}), listening: make(chan struct{}), loaded: make(chan error, 1), exited: make(chan struct{}),
		calls: map[string]*call{}, byAge: list.New(), group: g, idle: time.Now(),
	}
	uid := 0
	if p.o.UID != 0 {
		uid = p.o.UID + slot
	}
	w.uid = uid
	if err := p.furnish(w.dir, uid); err != nil {
		return nil, err
	}
	var ends []*os.File
	defer func() {
		for _, end := range ends {
			_ = end.Close()
		}
		if err != nil {
			_ = os.RemoveAll(w.dir)
		}
	}()
	var ours, theirs [3]*os.File
	for i := range ours {
		read, write, err := os.Pipe()
		if err != nil {
			for _, end := range ours[:i] {
				_ = end.Close()
			}
			return nil, err
		}
		ours[i], theirs[i] = read, write
		if i == 0 {
			ours[i], theirs[i] = write, read
		}
		ends = append(ends, theirs[i])
	}
	argv, err := p.command(w.dir, g, imports)
	if err == nil {
		w.proc, err = p.spawner.start(argv, environment, w.dir, uid, theirs)
	}
	if err != nil {
		for _, end := range ours {
			_ = end.Close()
		}
		return nil, fmt.Errorf("start Deno: %w", err)
	}
	w.stdin = ours[0]
	sock := filepath.Join(w.dir, "s")
	w.http = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", sock)
		},
		DisableCompression: true, MaxIdleConnsPerHost: 64, MaxResponseHeaderBytes: 64 << 10,
	}
	var readers sync.WaitGroup
	readers.Go(func() { w.read(ours[1], false) })
	readers.Go(func() { w.read(ours[2], true) })
	p.processes.Go(func() { w.wait(&readers, ours[1:]) })
	w.stat, err = openUsage(w.proc.Pid)
	if err == nil {
		err = as(uid, func() error { return bound(w.proc.Pid) })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.workers[w] = true
	close(w.known)
	if err != nil {
		p.o.Log.Error("a worker can't be bounded", "error", err)
	}
	if err != nil || p.closing {
		w.killLocked("") // and it frees the slot
	}
	return w, nil
}

// environment is that of every worker. There is no directory for Deno to write to; questions
// about names are asked one by one, because the guard lets no call pass that sends several.
var environment = []string{"DENO_DIR=/dev/null/none", "DENO_NO_UPDATE_CHECK=1", "NO_COLOR=1", "RES_OPTIONS=single-request"}

// denied are the ranges that Deno can be told of, for a clear error where the guard would
// refuse, and for where there is none. It reads no ranges of IPv6.
const denied = "0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,169.254.0.0/16,172.16.0.0/12,192.168.0.0/16,[::],[::1]"

// command is how Deno is started, so that it may read its directory, and use the network as
// far as is allowed.
func (p *Pool) command(dir string, g *group, own map[string]string) ([]string, error) {
	heap, network, imports := int64(defaultMemory), "--allow-net", filepath.Join(p.o.Dir, "imports.json")
	if g != nil {
		heap = max(heap, g.limits.Memory)
	}
	if own != nil {
		imports = filepath.Join(dir, "imports.json")
		if err := writeImports(imports, own); err != nil {
			return nil, err
		}
	}
	socket := "unix:" + dir + "/s"
	switch {
	case !p.spawner.guarded && !p.o.Unguarded:
		network += "=" + socket
	case g != nil && g.spec.Egress != nil:
		network += "=" + strings.Join(append([]string{socket}, g.spec.Egress...), ",")
	}
	argv := []string{
		p.o.Deno, "run", "--quiet", "--no-prompt", "--no-remote", "--no-npm", "--no-check", "--no-lock", "--no-config",
		"--unstable-no-legacy-abort", "--allow-env", network, "--allow-read=" + dir + "," + filepath.Join(p.o.Dir, "modules"), "--allow-write=" + dir + "/s",
		"--import-map=" + imports, "--v8-flags=--max-old-space-size=" + strconv.FormatInt(heap/mib, 10),
	}
	// It knows no exceptions; the guard does.
	if !p.o.Private && (len(p.o.Allowed) == 0 || !p.spawner.guarded) {
		argv = append(argv, "--deny-net="+denied)
	}
	return append(argv, filepath.Join(p.o.Dir, "boot.js"), dir), nil
}

// assign gives a worker its code, and waits until it serves or can't.
func (w *worker) assign(ctx context.Context, s *Spec, code, parent string) error {
	ctx, cancel := context.WithTimeout(ctx, w.pool.o.BootTimeout)
	defer cancel()
	select {
	case <-w.listening:
	case <-w.exited:
		return errors.New("the process ended before it had code")
	case <-ctx.Done():
		return errors.New("the process does not start")
	}
	l := s.Limits.orDefaults()
	if err := as(w.uid, func() error { return boundMemory(w.proc.Pid, l.Memory+slack) }); err != nil {
		return err
	}
	if err := place(code, filepath.Join(w.dir, "code")); err != nil {
		return err
	}
	variables := make([][2]string, 0, len(s.Env))
	for _, v := range s.Env {
		name, value, _ := strings.Cut(v, "=")
		variables = append(variables, [2]string{name, value})
	}
	if parent != "" {
		variables = append(variables, [2]string{"TRACEPARENT", parent})
	}
	line, err := json.Marshal(map[string]any{"entry": s.Entry, "variables": variables})
	if err != nil {
		return err
	}
	deadline, _ := ctx.Deadline()
	_ = w.stdin.SetWriteDeadline(deadline)
	if _, err := w.stdin.Write(append(line, '\n')); err != nil {
		return err
	}
	_ = w.stdin.Close()
	select {
	case err := <-w.loaded:
		return err
	case <-w.exited:
		return errors.New("it ended while it was loaded")
	case <-ctx.Done():
		return fmt.Errorf("it was not loaded within %s", w.pool.o.BootTimeout)
	}
}

// slack is what a worker may allocate beyond what it may have resident: heaps grow before they
// are collected, and threads have stacks.
const slack = 128 * mib

// kill ends it, and whatever it may have started.
func (w *worker) kill(why string) {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	w.killLocked(why)
}

func (w *worker) killLocked(why string) {
	if w.dead {
		return
	}
	if w.why == "" && why != "" {
		w.why = why
		w.pool.killed[why]++
	}
	w.retireLocked()
	_ = syscall.Kill(-w.proc.Pid, syscall.SIGKILL)
}

// wait reaps it, and has what is left of it removed.
func (w *worker) wait(readers *sync.WaitGroup, pipes []*os.File) {
	ended(w.proc.Pid)
	// While it is not reaped, the number of its group is nobody else's.
	_ = syscall.Kill(-w.proc.Pid, syscall.SIGKILL)
	_ = w.stdin.Close()
	// Its last lines are read before those who wait are told that it ended.
	for _, pipe := range pipes {
		_ = pipe.SetReadDeadline(time.Now().Add(time.Second))
	}
	readers.Wait()
	w.pool.mu.Lock()
	w.dead = true
	// Whoever hears that it ended may ask again at once, and must not get it again.
	w.retireLocked()
	w.pool.mu.Unlock()
	_, _ = w.proc.Wait()
	for _, pipe := range pipes {
		_ = pipe.Close()
	}
	w.http.CloseIdleConnections()
	_ = os.RemoveAll(w.dir)
	close(w.exited)
	<-w.known
	if w.stat != nil {
		_ = w.stat.Close()
	}
	w.pool.gone(w)
}
