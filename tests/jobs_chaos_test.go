package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/proxy/jobs/dispatch"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// chaosLedger has what producers note (jobWorld.produce), and a handler that has its effect
// in a transaction of its own. Like outside, it refuses attempts that are over.
const chaosLedger = `
	create table public.made (job bigint primary key, producer integer, place text, at serial);
	create table public.fences (job bigint primary key, token bigint);
	create table public.effects (job bigint, token bigint, attempt integer, way text);
	create index on public.effects (job);
	grant all on public.fences, public.effects to service_role;
	create function public.act(job jsonb) returns void language plpgsql as $$
	begin
	  if random() < 0.02 then raise exception 'bad luck'; end if;
	  if random() < 0.02 then perform pg_sleep(1.5 * random()); end if;
	  insert into public.fences as f (job, token) values ((act.job ->> 'id')::bigint, (act.job ->> 'token')::bigint)
	  on conflict on constraint fences_pkey do update set token = excluded.token where f.token <= excluded.token;
	  if not found then raise exception 'a later attempt has done it'; end if;
	  insert into public.effects values ((act.job ->> 'id')::bigint, (act.job ->> 'token')::bigint, (act.job ->> 'attempt')::integer, 'function');
	end $$;
	select jobs.lane('default', 'q' || q, p) from generate_series(0, 2) as q, generate_series(0, 1) as p;
	select jobs.limit_queue('q2', 60), jobs.limit_key('*', 10);
	select jobs.set_handler('work', 'public.act(jsonb)', queue => 'q0');`

// chaosMischief finds what must never be, once all is quiet.
const chaosMischief = `
	select format('job %s of %s had no effect', m.job, m.place)
	from public.made as m
	where not exists (select from public.effects as e where e.job = m.job)
	union all
	select format('job %s had an effect, although it was rolled back', e.job)
	from public.effects as e
	where not exists (select from public.made as m where m.job = e.job)
	union all
	select format('job %s was done %s times under its token %s', e.job, count(*), e.token)
	from public.effects as e
	group by e.job, e.token
	having count(*) > 1
	union all
	select format('job %s was done by its attempt %s, a %s, and again; jobs.failures has %s of it', e.job, e.attempt, e.way,
	  (select coalesce(string_agg(f.outcome, ', '), 'nothing') from jobs.failures as f where f.job = e.job and f.attempt = e.attempt))
	from public.effects as e
	where exists (select from public.effects as o where o.job = e.job and o.token > e.token)
	and not exists (
	  select from jobs.failures as f
	  where f.job = e.job and f.attempt = e.attempt
	  -- Whether a function has committed nobody knows if its connection breaks meanwhile.
	  and f.outcome = any (array['lost', 'interrupted'] || case when e.way = 'function' then array['failed'] else '{}' end)
	)
	union all
	select format('%s jobs were completed, of %s', c.n, m.n)
	from (select coalesce(sum(jobs), 0) as n from (select jobs, outcome from jobs.totals union all select jobs, outcome from jobs.tallies) as t where outcome = 'completed') as c
	cross join (select count(*) as n from public.made) as m
	where c.n <> m.n
	union all
	select format('%s are left: %s', l.name, l.n)
	from (
	  select 'batches' as name, count(*) as n from jobs.batches union all select 'waiting', count(*) from jobs.waiting
	  union all select 'dead', count(*) from jobs.dead union all select 'blocked', count(*) from jobs.blocked
	  union all select 'slots', count(*) from jobs.slots
	) as l
	where l.n > 0
	limit 20`

// outside is the world in which jobs have effects, and no database.
type outside struct {
	mu      sync.Mutex
	effects map[int64][]effect
	refused int
}

type effect struct {
	job, token int64
	attempt    int
	way        string
}

// do has an effect; false says that a later attempt had one before, so this one is refused.
func (o *outside) do(e effect) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.effects[e.job]
	if n := len(list); n > 0 && list[n-1].token > e.token {
		o.refused++
		return false
	}
	o.effects[e.job] = append(list, e)
	return true
}

// ServeHTTP is the server that jobs of the kind bulk are posted to.
func (o *outside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var job dispatch.Job
	if err := json.NewDecoder(r.Body).Decode(&job); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	dawdle(r.Context())
	switch {
	case rand.IntN(50) == 0:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	case !o.do(effect{job.ID, job.Token, job.Attempt, "post"}):
		w.WriteHeader(http.StatusConflict)
	}
}

// dawdle takes a moment, now and then more than that.
func dawdle(ctx context.Context) {
	pause := time.Duration(rand.IntN(2)) * time.Millisecond
	if rand.IntN(50) == 0 {
		pause = time.Duration(rand.IntN(1500)) * time.Millisecond
	}
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

// chaos is a cluster, processes of the server, workers elsewhere, and what befalls them.
type chaos struct {
	jobWorld
	outside
	cluster *dbtest.Cluster
	db      *dbtest.DB
	servers [2]atomic.Pointer[server]
	key     string
	env     []string
	lost    atomic.Int64 // events of that name
	lives   atomic.Int64 // of workers elsewhere
	enough  atomic.Bool  // jobs were made, and nothing dies any more
}

func (c *chaos) start(i int) {
	c.servers[i].Store(startServer(c.t, c.db, append(streams(c.db, string('a'+rune(i))), c.env...)...))
}

// say calls /jobs/v1 at any of the processes.
func (c *chaos) say(ctx context.Context, path, body string, to any) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.servers[rand.IntN(len(c.servers))].Load().URL+"/jobs/v1"+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s answers %d: %s", path, res.StatusCode, text)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(text, to)
}

// live is the life of a worker elsewhere: it ends at any point of what it does, and now and
// then it sleeps for longer than its lease and goes on as if nothing had been.
func (c *chaos) live(ctx context.Context) {
	if !c.enough.Load() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(200+rand.IntN(5000))*time.Millisecond)
		defer cancel()
	}
	c.lives.Add(1)
	worker := dispatch.NewID()
	refused := map[int64]bool{} // jobs whose effect was
	type ended struct {
		ID    int64 `json:"id"`
		Token int64 `json:"token"`
	}
	var done []ended
	for ctx.Err() == nil {
		said, err := json.Marshal(done)
		if err != nil {
			c.t.Error(err)
			return
		}
		var events []jobEvent
		if len(done) > 0 {
			err = c.say(ctx, "/finish", fmt.Sprintf(`{"worker":"%s","done":%s}`, worker, said), &events)
		} else {
			err = c.say(ctx, "/claim", fmt.Sprintf(`{"worker":"%s","queues":["q2"],"want":%d,"wait":1,"lease":"1500 ms"}`, worker, 1+rand.IntN(20)), &events)
		}
		if err != nil { // nobody knows what came of it: the next process is told the same
			c.retries.Add(1)
			dawdleFor(ctx, 20*time.Millisecond)
			continue
		}
		for _, e := range events {
			if e.Event == "lost" {
				c.lost.Add(1)
				delete(refused, e.ID)
			}
		}
		if len(refused) > 0 {
			c.t.Errorf("jobs %v were refused outside, but not by the queue", refused)
		}
		done = done[:0]
		for _, e := range events {
			if e.Event != "run" {
				continue
			}
			dawdle(ctx)
			if rand.IntN(200) == 0 {
				dawdleFor(ctx, 2500*time.Millisecond)
			}
			if ctx.Err() != nil {
				return
			}
			if !c.do(effect{e.ID, e.Token, e.Attempt, "worker"}) {
				refused[e.ID] = true
			}
			done = append(done, ended{e.ID, e.Token})
		}
	}
}

func dawdleFor(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

// strike lets something befall somebody.
func (c *chaos) strike(what int) {
	i := rand.IntN(len(c.servers))
	s := c.servers[i].Load()
	switch what {
	case 0:
		c.cluster.Kill()
		c.cluster.Restart(c.t)
	case 1: // as pg_ctl stop -m immediate
		now, cancel := context.WithCancel(c.t.Context())
		cancel()
		_ = c.cluster.Stop(now) // it says that it had to
		c.cluster.Restart(c.t)
	case 2: // it is told to stop, and has little time for that
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		<-s.done
		c.start(i)
	case 3: // longer than its lease
		s.pause(c.t)
		time.Sleep(time.Duration(3000+rand.IntN(2000)) * time.Millisecond)
		s.resume()
	case 4, 5, 6:
		c.killBackend(what == 4)
	default:
		_ = s.cmd.Process.Kill()
		<-s.done
		c.start(i)
	}
}

// Processes, workers elsewhere, sessions and the server are killed or held while producers
// commit late, roll back and prepare. Each committed job has its effect, and one that has it
// twice is told of as lost. With -soak there are 100,000 jobs, for at least as long.
func TestJobsHaveTheirEffectWhateverDies(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Private(t, dbtest.Options{Durable: true, Settings: map[string]string{"max_prepared_transactions": "50"}})
	c := &chaos{
		outside: outside{effects: map[int64][]effect{}}, cluster: cluster, db: cluster.New(t),
		key: signToken(t, map[string]any{"role": "service_role"}),
		env: []string{
			"FLUXBASE_MODULES=jobs", "FLUXBASE_SERVER_LOG_LEVEL=warn", "FLUXBASE_JOBS_LEASE=3s", "FLUXBASE_JOBS_QUEUES=q0,q1",
			"FLUXBASE_JOBS_GRACEFUL_SHUTDOWN_TIMEOUT=1s", "FLUXBASE_ENCRYPTION_KEY=" + encryptionKey, "FLUXBASE_JOBS_PRIVATE_ADDRESSES=true",
		},
	}
	c.jobWorld = jobWorld{t: t, url: c.db.AdminURL(), crashes: true, prepares: true}
	receiver := httptest.NewServer(&c.outside)
	t.Cleanup(receiver.Close)
	exec(t, c.db, chaosLedger+`select jobs.set_handler('bulk', url => '`+receiver.URL+`', queue => 'q1')`)
	for i := range c.servers {
		c.start(i)
	}
	c.servers[0].Load().jobs(t, "201", "POST", "/handlers/bulk/secrets", "", nil)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var producers, workers sync.WaitGroup
	var full atomic.Bool
	for producer := range 4 {
		producers.Go(func() {
			c.each(func(ctx context.Context, conn *pgx.Conn) (bool, error) {
				if full.Load() {
					time.Sleep(50 * time.Millisecond)
					return c.enough.Load(), nil
				}
				return c.enough.Load(), c.produce(ctx, conn, producer)
			})
		})
	}
	for range 6 {
		workers.Go(func() {
			for ctx.Err() == nil {
				c.live(ctx)
			}
		})
	}
	workers.Go(func() { c.forget(ctx) })
	if *soak == 0 {
		for _, what := range []int{7, 5, 0} {
			time.Sleep(300 * time.Millisecond)
			c.strike(what)
		}
	}
	began, made, done := time.Now(), 0, 0
	for *soak > 0 && (time.Since(began) < *soak || made < 100_000) && !t.Failed() {
		time.Sleep(time.Duration(rand.IntN(3000)) * time.Millisecond)
		c.strike(rand.IntN(12))
		made, done = c.far()
		full.Store(made-done > 5000)
	}
	c.enough.Store(true)
	producers.Wait()
	conn := c.db.Conn(t)
	// As long as there is ever more done.
	last, end := -1, time.Now().Add(time.Minute)
	for made, done = c.far(); (done < made || c.busy(conn)) && time.Now().Before(end) && !t.Failed(); made, done = c.far() {
		if done > last {
			last, end = done, time.Now().Add(time.Minute)
		}
		time.Sleep(20 * time.Millisecond)
	}
	cancel()
	workers.Wait()
	c.tell(conn)
}

// forget rolls back what producers have prepared when their connections broke: others wait
// for the key of a job that it has changed.
func (c *chaos) forget(ctx context.Context) {
	for dawdleFor(ctx, time.Second); ctx.Err() == nil; dawdleFor(ctx, time.Second) {
		conn, err := pgx.Connect(ctx, c.url)
		if err != nil {
			continue
		}
		rows, _ := conn.Query(ctx, `select gid from pg_prepared_xacts where database = current_database() and prepared < clock_timestamp() - interval '1 second'`)
		names, _ := pgx.CollectRows(rows, pgx.RowTo[string])
		for _, name := range names {
			_, _ = conn.Exec(ctx, "rollback prepared '"+name+"'")
		}
		_ = conn.Close(ctx)
	}
}

// far is how many jobs there are, and how many of them had an effect; what was said last if
// nobody can be asked.
func (c *chaos) far() (made, done int) {
	conn, err := pgx.Connect(c.t.Context(), c.url)
	if err != nil {
		return 0, 0
	}
	defer conn.Close(context.Background())
	const ask = `select (select count(*) from public.made), (select count(distinct job) from public.effects)`
	if err := conn.QueryRow(c.t.Context(), ask).Scan(&made, &done); err != nil {
		return 0, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for job := range c.effects {
		if c.effects[job] != nil {
			done++
		}
	}
	return made, done
}

// busy tells that some jobs have not ended, although they may have had their effect.
func (c *chaos) busy(conn *pgx.Conn) (is bool) {
	const ask = `select jobs.expire() > 0 or exists (select from jobs.jobs as j where j.state <> 'completed') or exists (select from jobs.slots)`
	if err := conn.QueryRow(c.t.Context(), ask).Scan(&is); err != nil {
		c.t.Fatal(err)
	}
	return is
}

// tell looks for mischief, and says what there was.
func (c *chaos) tell(conn *pgx.Conn) {
	t := c.t
	var rows [][]any
	for _, list := range c.effects {
		for _, e := range list {
			rows = append(rows, []any{e.job, e.token, e.attempt, e.way})
		}
	}
	if _, err := conn.CopyFrom(t.Context(), pgx.Identifier{"public", "effects"}, []string{"job", "token", "attempt", "way"}, pgx.CopyFromRows(rows)); err != nil {
		t.Fatal(err)
	}
	found, err := conn.Query(t.Context(), chaosMischief)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		t.Error(line)
	}
	var summary string
	const sum = `
		select format('%s jobs; effects %s; again, and told of as %s; attempts that came to nothing %s',
		  (select count(*) from public.made),
		  (select jsonb_object_agg(e.way, e.n) from (select way, count(*) as n from public.effects group by 1) as e),
		  (select coalesce(jsonb_object_agg(o.outcome, o.n), '{}') from (
		    select f.outcome, count(distinct (e.job, e.token)) as n
		    from public.effects as e
		    join jobs.failures as f on f.job = e.job and f.attempt = e.attempt
		    where exists (select from public.effects as later where later.job = e.job and later.token > e.token)
		    group by 1) as o),
		  (select jsonb_object_agg(f.outcome, f.n) from (select outcome, count(*) as n from jobs.failures group by 1) as f))`
	if err := conn.QueryRow(t.Context(), sum).Scan(&summary); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s; %d effects were refused, %d workers lived and were told %d times that a job is lost; %d calls failed",
		summary, c.refused, c.lives.Load(), c.lost.Load(), c.retries.Load())
	t.Log(queryText(t, c.db, `
		select coalesce(string_agg(format('%s times %s: %s', n, outcome, error), e'\n' order by n desc), '')
		from (select outcome, left(error, 300) as error, count(*) as n from jobs.failures where outcome <> 'lost' group by 1, 2) as f`))
	if len(c.effects) == 0 {
		t.Error("nothing had an effect outside")
	}
}
