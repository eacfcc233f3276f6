package realtime

import (
	"context"
	"strconv"
	"sync"
	"time"
)

const (
	// attendLease is how long after its last sign of life a process is taken for dead;
	// then the others remove what it holds.
	attendLease = 5 * time.Second
	attendEvery = time.Second
	// deadAtOnce is how many members of dead processes one call removes.
	deadAtOnce = 1000
)

// lease is the first three arguments of what is done under our lease.
func (h *Hub) lease() [][]byte {
	return [][]byte{[]byte(h.id), []byte(h.Name), []byte(strconv.FormatInt(attendLease.Milliseconds(), 10) + " ms")}
}

// attended does what concerns who is connected, until the returned function is called
// when no client is left; that takes out of the database what is still in it.
func (h *Hub) attended(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var working sync.WaitGroup
	working.Go(func() { h.attend(ctx) })
	working.Go(func() { h.attendances.load.run(ctx) })
	working.Go(func() { h.tracks.writer.run(ctx) })
	working.Go(func() { h.admissions.writer.run(ctx) })
	return func() {
		cancel()
		working.Wait()
		h.restored.Stop()
		// Whatever could not be taken out, the others need not wait to remove.
		args := append(h.lease()[:2], []byte("-1 s"))
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchTimeout)
		defer cancel()
		_ = h.askJSON(last, new(bool), keepSQL, args...)
	}
}

// attend keeps our lease, and removes what dead processes held, until ctx ends.
func (h *Hub) attend(ctx context.Context) {
	tick := time.NewTicker(attendEvery)
	defer tick.Stop()
	failing := false
	for {
		err := h.keep(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			h.Log.Warn("the lease of the connections is not renewed; others will take them for gone", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

const keepSQL = `select to_json(realtime.keep_proxy($1, $2, $3))::text`

func (h *Hub) keep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	var kept bool
	if err := h.askJSON(ctx, &kept, keepSQL, h.lease()...); err != nil {
		return err
	}
	if !kept {
		h.restore()
	}
	for removed := deadAtOnce; removed >= deadAtOnce; {
		err := h.askJSON(ctx, &removed, `select realtime.remove_dead_proxies($1)::text`, jsonOf(deadAtOnce))
		if err != nil {
			return err
		}
	}
	return nil
}

// restore enters what we hold anew. After a crash of the server the tables were empty,
// which nothing told; so when all who live have done the same, what others hold is
// read anew.
func (h *Hub) restore() {
	h.tracks.again()
	h.admissions.again()
	h.restored.Reset(attendLease + attendEvery)
}
