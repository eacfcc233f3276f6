package realtime

import (
	"context"
	"embed"
	"net/http"
	"sync"
	"time"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// inspectPath is the page for developers and operators.
const inspectPath = "/inspect"

//go:embed inspect
var inspectFiles embed.FS

var inspectPage = web.Page{Path: Prefix + inspectPath, Files: inspectFiles, Folder: "inspect"}

const (
	// maxViewers bounds what the page costs: each holds a connection.
	maxViewers = 16
	// inspectInterval is how often the figures are collected, once for all viewers.
	inspectInterval = time.Second
)

var (
	errNoInspect   = web.New("not_found", "the page is switched off: FLUXBASE_REALTIME_INSPECT is false")
	errNotService  = hinted("forbidden", "the figures are for the service_role key alone", "Give the key whose role is service_role; that of an app or a user is another.")
	errManyViewers = hinted("too_many_requests", "16 pages watch this process already", "Close one of them.")
)

func hinted(code, message, hint string) *web.Error {
	e := web.New(code, message)
	e.Hint = hint
	return e
}

// serveInspect answers the page, which holds nothing secret, and the figures that it
// shows.
func (h *Hub) serveInspect(w *web.Response, r *http.Request) error {
	if !h.cfg.Inspect {
		return errNoInspect
	}
	if r.URL.EscapedPath() == Prefix+inspectPath+"/figures" {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		return h.serveFigures(w, r)
	}
	return inspectPage.Serve(w, r)
}

// serveFigures streams a line of JSON a second to the service_role, until the request's
// time is over; the page then asks again. Its key is in a header, and so in no log.
func (h *Hub) serveFigures(w *web.Response, r *http.Request) error {
	// Not among the others, whose times its own would hide.
	w.Route = Prefix + inspectPath + "/figures"
	who, err := h.caller(w, r)
	switch {
	case err != nil:
		return err
	case who.Role != serviceRole:
		return errNotService
	}
	lines, err := h.inspector.join()
	if err != nil {
		return err
	}
	defer h.inspector.leave(lines)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would collect the lines
	w.WriteHeader(http.StatusOK)
	for {
		// What is written is sent, the headers first; the page then knows that its key is good.
		if err := http.NewResponseController(w).Flush(); err != nil {
			return nil
		}
		select {
		case <-r.Context().Done():
			return nil
		case line, more := <-lines:
			if !more {
				return nil
			}
			if _, err := w.Write(line); err != nil {
				return nil
			}
		}
	}
}

// inspector collects figures while somebody watches, once for all who do.
type inspector struct {
	// collect makes a line; refresh keeps current, until ctx ends, what is too dear to
	// be asked for each time.
	collect func() []byte
	refresh func(ctx context.Context)

	mu      sync.Mutex
	viewers map[chan []byte]struct{}
	stop    context.CancelFunc // of the collecting; not nil while there are viewers
	closed  bool
	running sync.WaitGroup
}

// join gives the lines from now on. One that is not read in time is left out; the end
// of the process closes them.
func (i *inspector) join() (chan []byte, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.closed:
		return nil, errStopping
	case len(i.viewers) >= maxViewers:
		return nil, errManyViewers
	case len(i.viewers) == 0:
		ctx, cancel := context.WithCancel(context.Background())
		i.viewers, i.stop = map[chan []byte]struct{}{}, cancel
		i.running.Go(func() { i.refresh(ctx) })
		i.running.Go(func() { i.run(ctx) })
	}
	lines := make(chan []byte, 1)
	i.viewers[lines] = struct{}{}
	return lines, nil
}

// leave ends what join began; the last one ends the collecting.
func (i *inspector) leave(lines chan []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.viewers, lines)
	if len(i.viewers) == 0 {
		i.stop()
	}
}

func (i *inspector) run(ctx context.Context) {
	tick := time.NewTicker(inspectInterval)
	defer tick.Stop()
	for {
		i.tell(ctx, i.collect())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (i *inspector) tell(ctx context.Context, line []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if ctx.Err() != nil {
		return // those who watch now have another collecting
	}
	for lines := range i.viewers {
		select {
		case lines <- line:
		default:
		}
	}
}

// close sends all viewers away and waits until nothing is collected any more.
func (i *inspector) close() {
	i.mu.Lock()
	i.closed = true
	for lines := range i.viewers {
		close(lines)
		delete(i.viewers, lines)
	}
	if i.stop != nil {
		i.stop()
	}
	i.mu.Unlock()
	i.running.Wait()
}
