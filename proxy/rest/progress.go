package rest

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// progressEvery is how often an import says how far it is.
const progressEvery = time.Second

// progress tells a client how far its import is, while it sends: a line of JSON each
// second, and one with the outcome at the end.
type progress struct {
	w    *web.Response
	load *importer
	done chan struct{}
	wait sync.WaitGroup
}

// progressLine is one such line. Affected is there in the last one of an import that
// went well, Error in that of one that did not.
type progressLine struct {
	Rows     int64           `json:"rows"`
	Bytes    int64           `json:"bytes"`
	Affected *int64          `json:"affected,omitempty"`
	Status   int             `json:"status,omitempty"`
	Error    json.RawMessage `json:"error,omitempty"`
}

// startProgress begins the answer. What it is of, is still being sent.
func startProgress(w *web.Response, im *importer) *progress {
	p := &progress{w: w, load: im, done: make(chan struct{})}
	_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/2 always is
	w.Header()["Content-Type"] = []string{lineTypes[0]}
	w.WriteHeader(http.StatusOK)
	p.write(progressLine{})
	p.wait.Go(func() {
		every := time.NewTicker(progressEvery)
		defer every.Stop()
		for {
			select {
			case <-p.done:
				return
			case <-every.C:
				p.write(p.line())
			}
		}
	})
	return p
}

func (p *progress) line() progressLine {
	return progressLine{Rows: p.load.count.Load(), Bytes: p.load.body.count.Load()}
}

func (p *progress) write(line progressLine) {
	b, _ := json.Marshal(line)
	_, _ = p.w.Write(append(b, '\n')) // whether the client reads, doesn't matter
	_ = http.NewResponseController(p.w).Flush()
}

// stop ends the lines; false tells that there were none.
func (p *progress) stop() bool {
	if p.done == nil {
		return false
	}
	close(p.done)
	p.wait.Wait()
	return true
}

// end writes the last line. The error is returned for the log.
func (p *progress) end(res *result, err error) error {
	line := p.line()
	if err == nil {
		line.Affected, line.Status = &res.page, http.StatusCreated
	} else {
		e := web.AsError(err)
		line.Status = e.Status
		line.Error = web.ErrorBody(p.w, e)
	}
	p.write(line)
	return err
}
