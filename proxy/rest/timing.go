package rest

import (
	"strconv"
	"time"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// lap is one step of a request in Server-Timing.
type lap uint8

const (
	lapJWT lap = iota
	lapParse
	lapPlan
	lapTransaction
	lapResponse
)

var lapNames = [...]string{"jwt", "parse", "plan", "transaction", "response"}

// laps measures the steps of one request; nil measures nothing.
type laps struct {
	began time.Time // of the step under way
	took  [len(lapNames)]time.Duration
	done  int
}

// startLaps begins the first step, and has the header written with the others.
func startLaps(w *web.Response, on bool) *laps {
	if !on {
		return nil
	}
	l := &laps{began: time.Now()}
	w.BeforeHeader = func() {
		// What failed has no response of its own to have made.
		if w.Err == nil {
			l.end(lapResponse)
		}
		w.Header()["Server-Timing"] = []string{l.header()}
	}
	return l
}

// end is the end of a step and the beginning of the next one.
func (l *laps) end(step lap) {
	if l == nil {
		return
	}
	now := time.Now()
	l.took[step], l.began = now.Sub(l.began), now
	l.done = int(step) + 1
}

// header lists the steps that were taken, in milliseconds.
func (l *laps) header() string {
	var b []byte
	for i, took := range l.took[:l.done] {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(append(b, lapNames[i]...), ";dur="...)
		b = strconv.AppendFloat(b, took.Seconds()*1000, 'f', 1, 64)
	}
	return string(b)
}
