package limit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/wait"
)

const (
	// lookEvery is how soon changes of the rules are known where no stream brings them.
	lookEvery = time.Second
	tidyEvery = time.Minute
)

// RulesTable is where the rules are; Changed is to be called when it changes.
var RulesTable = changes.Table{Schema: "ratelimit", Name: "rules"}

// errUnreadable keeps a process from serving as if there were no rules.
var errUnreadable = errors.New("the database has rate limits, which this login may not read: " +
	"grant usage on schema ratelimit, select on ratelimit.rules and execute on ratelimit.take_many and sweep to it")

// mayReadSQL tells whether the rules may be read; no row where there can be none, or
// nothing of ours at all.
const mayReadSQL = `select (has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'))::text` +
	` from pg_class as c join pg_namespace as n on n.oid = c.relnamespace` +
	` where n.nspname = 'ratelimit' and c.relname = 'rules' and pg_relation_size(c.oid) > 0`

// rulesSQL leaves out those for roles that are gone.
const rulesSQL = `select coalesce(json_agg(json_build_object('name', r.name, 'routes', r.routes, 'per', r.per, 'rate', r.rate,` +
	` 'period', extract(epoch from r.period), 'burst', r.burst, 'methods', r.methods, 'role', coalesce(o.rolname, ''),` +
	` 'strict', r.strict) order by r.name), '[]')::text` +
	` from ratelimit.rules as r left join pg_roles as o on o.oid = r.role where r.role is null or o.oid is not null`

// Load reads the rules, which hold when it returns.
func (l *Limiter) Load(ctx context.Context) error {
	l.loading.Lock() // so that what was read later holds longer
	defer l.loading.Unlock()
	var rows []row
	may, there, err := l.text(ctx, mayReadSQL)
	if err != nil {
		return fmt.Errorf("look for rate limits: %w", err)
	}
	if there {
		if may != "true" {
			l.rules.Store(nil)
			return errUnreadable
		}
		text, _, err := l.text(ctx, rulesSQL)
		if err != nil {
			return fmt.Errorf("read the rate limits: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &rows); err != nil {
			return fmt.Errorf("read the rate limits: %w", err)
		}
	}
	return l.use(rows)
}

// Changed is Load for the stream of changes, which must not wait until rights are granted.
func (l *Limiter) Changed(ctx context.Context) (none struct{}, err error) {
	if err = l.Load(ctx); errors.Is(err, errUnreadable) {
		return none, nil // Run goes on trying
	}
	return none, err
}

func (l *Limiter) text(ctx context.Context, sql string) (text string, there bool, err error) {
	res, err := l.deps.DB.Do(ctx, &pg.Tx{Caller: pg.Caller{Role: l.deps.Role}, Mode: pg.ReadOnly, Main: pg.Statement{SQL: sql}})
	if err != nil {
		return "", false, err
	}
	defer res.Free()
	if res.Values == nil {
		return "", false, nil
	}
	return string(res.Values[0]), true, nil
}

// use makes rows hold; a rule that stays as it is keeps what is known of its budgets.
func (l *Limiter) use(rows []row) error {
	var before []*rule
	if held := l.rules.Load(); held != nil {
		before = slices.Concat(held.early, held.late)
	}
	next := new(rules)
	for i := range rows {
		var r *rule
		if at := slices.IndexFunc(before, func(b *rule) bool { return b.equal(&rows[i]) }); at >= 0 {
			r = before[at]
		} else {
			var err error
			if r, err = newRule(rows[i], l.metrics); err != nil {
				return err
			}
		}
		if r.early() {
			next.early = append(next.early, r)
		} else {
			next.late = append(next.late, r)
		}
	}
	l.rules.Store(next)
	for _, b := range before {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.Name == b.Name }) {
			l.metrics.drop(b.Name)
		}
	}
	return nil
}

// Run keeps what time changes, until ctx ends.
func (l *Limiter) Run(ctx context.Context) {
	alone := l.backend.name() != inMemory
	if !alone {
		alone = l.warnOfSigns()
	}
	failed, tidied := false, l.clock()
	for wait.For(ctx, lookEvery) {
		trusted := l.trusted != nil && l.trusted()
		if !trusted || l.rules.Load() == nil {
			ctx, cancel := context.WithTimeout(ctx, patience)
			err := l.Load(ctx)
			cancel()
			if failed != (err != nil) {
				failed = err != nil
				l.logLoad(err)
			}
		}
		if l.redis != nil {
			l.redis.watch(ctx)
		}
		if !alone && trusted {
			alone = l.warnOfOthers(ctx)
		}
		if l.clock()-tidied > tidyEvery {
			tidied = l.clock()
			if held := l.rules.Load(); held != nil && len(held.early)+len(held.late) > 0 {
				if err := l.backend.tidy(ctx); err != nil && ctx.Err() == nil {
					l.deps.Log.Warn("budgets of rate limits that are full were not removed", "error", err)
				}
			}
		}
	}
}

func (l *Limiter) logLoad(err error) {
	if err == nil {
		l.deps.Log.Info("the rate limits are read again")
		return
	}
	l.deps.Log.Warn("the rate limits can't be read", "error", err)
}

// note logs when the backend begins to fail and when it answers again.
func (l *Limiter) note(err error) {
	away := err != nil
	if l.away.Swap(away) == away {
		return
	}
	if away {
		l.deps.Log.Warn("requests can't be counted: strict limits refuse all, others none", "error", err)
		return
	}
	l.deps.Log.Info("requests are counted again")
}

const warnMemory = "requests are counted in the memory of this process alone, and there are signs of others: " +
	"each lets through as many as the limits say; set FLUXBASE_RATELIMIT_BACKEND=postgres"

// warnOfSigns looks for what hints at several processes, and tells whether it found some.
func (l *Limiter) warnOfSigns() bool {
	for _, name := range []string{"KUBERNETES_SERVICE_HOST", "POD_NAME", "COMPOSE_PROJECT_NAME"} {
		if os.Getenv(name) != "" {
			l.deps.Log.Warn(warnMemory, "sign", name)
			return true
		}
	}
	return false
}

// warnOfOthers asks once how many processes follow the database.
func (l *Limiter) warnOfOthers(ctx context.Context) (asked bool) {
	text, there, err := l.text(ctx, `select ratelimit.count_proxies()::text`)
	if err != nil || !there {
		return false
	}
	if text != "1" {
		l.deps.Log.Warn(warnMemory, "sign", text+" processes follow the database")
	}
	return true
}
