package functions

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/fluxbase/fluxbase/proxy/functions/worker"
)

// Keys are those of the API that functions get.
type Keys struct{ Anon, Service, Publishable, Secret string }

// NewEnvironment is what every function finds: where the API is and the keys for it, in
// Supabase's names and in ours.
func NewEnvironment(cfg Config, url string, keys Keys) []string {
	list := func(key string) string {
		text, _ := json.Marshal(map[string]string{"default": key}) // a text never fails
		return string(text)
	}
	values := []struct{ name, value string }{
		{"URL", url},
		{"ANON_KEY", keys.Anon},
		{"SERVICE_ROLE_KEY", keys.Service},
		{"PUBLISHABLE_KEYS", list(keys.Publishable)},
		{"SECRET_KEYS", list(keys.Secret)},
	}
	if cfg.DatabaseURL != "" {
		values = append(values, struct{ name, value string }{"DB_URL", cfg.DatabaseURL})
	}
	env := []string{"SB_REGION=" + cfg.Region}
	for _, v := range values {
		env = append(env, "SUPABASE_"+v.name+"="+v.value, "FLUXBASE_"+v.name+"="+v.value)
	}
	return env
}

// specOf is what a worker of d runs.
func (h *Handler) specOf(set *Set, d *Definition) *worker.Spec {
	d.making.Do(func() { d.spec = h.newSpec(set, d) })
	return d.spec
}

func (h *Handler) newSpec(set *Set, d *Definition) *worker.Spec {
	limits := worker.Limits{
		Wall:        bounded(time.Duration(d.WallMS)*time.Millisecond, defaultWall, h.cfg.MaxWall),
		CPU:         bounded(time.Duration(d.CPUMS)*time.Millisecond, defaultCPU, h.cfg.MaxCPU),
		Memory:      int64(bounded(d.MemoryMB, defaultMemory, h.cfg.MaxMemory)) << 20,
		Request:     bounded(d.MaxRequest, defaultRequest, h.cfg.MaxRequest),
		Output:      bounded(d.MaxOutput, h.cfg.MaxOutput, h.cfg.MaxOutput),
		Concurrency: bounded(d.Concurrency, defaultConcurrency, h.cfg.MaxConcurrency),
		Workers:     bounded(d.MaxWorkers, defaultWorkers, h.cfg.Workers),
		Idle:        or(time.Duration(d.IdleSeconds)*time.Second, defaultIdle),
	}
	return &worker.Spec{
		Name: d.Name, Version: d.Version, Key: d.key, Entry: d.Entrypoint,
		Files:  func(ctx context.Context) (map[string][]byte, error) { return h.Source.Code(ctx, d) },
		Env:    slices.Concat(h.Environment, set.secrets),
		Egress: d.Egress, Limits: limits, Oneshot: d.Mode == "oneshot",
	}
}

// Limits of a function that sets none, as Supabase has them.
const (
	defaultWall        = 150 * time.Second
	defaultCPU         = 2 * time.Second
	defaultMemory      = 256 // MiB
	defaultRequest     = 10 << 20
	defaultConcurrency = 100
	defaultWorkers     = 4
	defaultIdle        = 5 * time.Minute
)

// bounded is what was set, or else other, and never more than most.
func bounded[T int | int64 | time.Duration](value, other, most T) T {
	return min(or(value, other), most)
}
