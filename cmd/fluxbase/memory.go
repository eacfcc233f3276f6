package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// garbage is how many bytes may lie around before they are collected, if what
// lives is less. The live heap is a few MiB: collected whenever as much has come
// to it, which is Go's default, that would be hundreds of times a second under
// load, and with a fixed higher percentage large bodies would fill the memory.
const garbage = 18 << 20

// tuneGC follows the live heap until ctx ends. An operator's GOGC is left alone.
func tuneGC(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for now := 0; ; {
		metrics.Read(live)
		if p := gcPercent(live[0].Value.Uint64()); p != now {
			now = p
			debug.SetGCPercent(p)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// gcPercent is what GOGC should be over a live heap of that many bytes. It goes in
// steps, since to set it stops the process for a moment, and not higher than 400,
// since Go lets even an empty heap grow to 4 MiB times that.
func gcPercent(live uint64) int {
	const step = 100
	p := int(garbage * 100 / max(live, 1))
	return min(max(p/step*step, 100), 400)
}
