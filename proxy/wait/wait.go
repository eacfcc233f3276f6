// Package wait lets time pass.
package wait

import (
	"context"
	"time"
)

// For waits for d or until ctx ends, and tells whether ctx still holds.
func For(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
