package replication

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/wait"
)

// Stream reads the committed changes of one database from a replication slot of
// its own. It is the changes.Source of the process.
type Stream struct {
	cfg     Config
	log     *slog.Logger
	slot    string
	ring    *ring
	decoder *decoder
	metrics *metrics

	// hold is how far behind (bytes) a durable subscription or a dead slot may keep
	// the log.
	hold atomic.Int64
	// heard counts the messages of the server.
	heard atomic.Int64
	// beat is the message that must come back.
	beat atomic.Pointer[beat]

	// What follows belongs to the goroutine of Run.

	// flushed is the last place that was confirmed. Before 17 a server that is told
	// an older one goes back to it.
	flushed changes.LSN
	// spoilt says that the slot is there but no good.
	spoilt bool
	oids   []uint32 // of the publications that were read last
	warned bool
	dead   map[string]dead

	mu    sync.Mutex
	state changes.State
}

var _ changes.Source = (*Stream)(nil)

const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 15 * time.Second
	// maxHold is how much log is kept for one who doesn't read it.
	maxHold = 1 << 30
)

// New makes a Stream that does nothing until Run. cfg must have passed Check and
// name a database; address, where the process serves, tells it from others of its
// host where cfg.Instance doesn't.
func New(cfg Config, address string, log *slog.Logger, reg prometheus.Registerer) (*Stream, error) {
	if cfg.Instance == "" {
		instance, err := defaultInstance(cfg, address)
		if err != nil {
			return nil, err
		}
		cfg.Instance = instance
	}
	s := &Stream{
		cfg: cfg, log: log, slot: slotPrefix + cfg.Instance,
		decoder: newDecoder(cfg.MaxChanges, cfg.RingBytes/4),
		dead:    map[string]dead{},
		state:   changes.State{Phase: changes.Connecting, Since: time.Now()},
	}
	s.hold.Store(maxHold)
	s.ring = newRing(cfg.RingBytes, cfg.RingTime, func() changes.LSN { return changes.LSN(s.hold.Load()) })
	s.metrics = newMetrics(s, reg)
	return s, nil
}

// slotPrefix begins the name of every slot of ours.
const slotPrefix = "fluxbase_"

// defaultInstance is the same after a restart, and differs between the processes of
// a host and between the databases of a server, which share the names of slots.
func defaultInstance(cfg Config, address string) (string, error) {
	conn, err := pgx.ParseConfig(cfg.DatabaseURL)
	if err != nil {
		return "", diagnose(err)
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("find a name for this process (FLUXBASE_REALTIME_INSTANCE gives it one): %w", err)
	}
	sum := sha256.Sum256([]byte(host + "\x00" + address + "\x00" + conn.Database))
	readable := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(host))
	return readable[:min(len(readable), 40)] + "_" + hex.EncodeToString(sum[:4]), nil
}

// Subscribe is part of changes.Source.
func (s *Stream) Subscribe(o changes.Options) changes.Subscription { return s.ring.subscribe(o) }

// Read is part of changes.Source.
func (s *Stream) Read(want changes.Want, from changes.Position, take func(*changes.Transaction) bool) error {
	return s.ring.read(want, from, take)
}

// State is part of changes.Source.
func (s *Stream) State() changes.State {
	s.mu.Lock()
	st := s.state
	s.mu.Unlock()
	st.Position, st.Fresh = s.ring.state()
	return st
}

// Note says in a few words what is amiss, for whoever may ask; empty is nothing.
// The log and State say more.
func (s *Stream) Note() string {
	st := s.State()
	var f *Failure
	if errors.As(st.Err, &f) {
		return string(st.Phase) + " (" + f.Kind + ")"
	}
	if st.Phase != changes.Streaming {
		return string(st.Phase)
	}
	return ""
}

func (s *Stream) enter(phase changes.Phase, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Phase != phase {
		s.state.Since = time.Now()
	}
	s.state.Phase, s.state.Err = phase, err
}

// errAgain ends a session that a new one takes over from at once.
var errAgain = errors.New("the publications have changed")

// Run streams until ctx ends. Whatever goes wrong is tried again, later and later,
// and for as long is told by State.
func (s *Stream) Run(ctx context.Context) {
	defer s.ring.close()
	defer s.enter(changes.Stopped, nil)
	var warned string // what was said last, and when: the same again is no news
	var warnedAt time.Time
	for failures := 0; ; {
		began := time.Now()
		err := s.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errAgain) {
			continue
		}
		if s.State().Phase == changes.Streaming && time.Since(began) > maxBackoff {
			failures = 0
		}
		f := diagnose(err)
		again := backoff(failures)
		failures++
		s.metrics.failures.WithLabelValues(f.Kind).Inc()
		s.enter(changes.Failing, f)
		level := slog.LevelDebug
		if f.Kind != warned || time.Since(warnedAt) >= time.Minute {
			level, warned, warnedAt = slog.LevelWarn, f.Kind, time.Now()
		}
		s.log.Log(ctx, level, "changes are not streamed", "slot", s.slot, "kind", f.Kind, "error", f, "again_in", again)
		if !wait.For(ctx, again) {
			return
		}
	}
}

// backoff doubles with each failure; chance keeps a fleet from coming all at once.
func backoff(failures int) time.Duration {
	d := min(float64(maxBackoff), float64(minBackoff)*math.Pow(2, float64(failures)))
	return time.Duration(d * (0.5 + rand.Float64()/2))
}

// session is one connection's life.
func (s *Stream) session(ctx context.Context) error {
	ctl, err := s.control(ctx)
	if err != nil {
		return err
	}
	defer func() { hangUp(ctl.PgConn()) }()
	f, err := s.look(ctx, ctl)
	if err != nil {
		return err
	}
	s.limit(f)
	// What was committed between a publication's end and its return is not told (and
	// before Postgres 18 not even passed over).
	if slices.ContainsFunc(s.oids, func(oid uint32) bool { return !slices.Contains(f.oids, oid) }) {
		s.spoilt = true
	}
	own, err := s.ensureSlot(ctx, ctl, f)
	if err != nil {
		return err
	}
	conn, err := s.start(ctx, f, own)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	s.oids = f.oids
	s.enter(changes.Streaming, nil)
	s.metrics.connections.Inc()

	session, end := context.WithCancelCause(ctx)
	// The reader has no context: watching one costs more than a message does.
	stop := context.AfterFunc(session, func() { _ = conn.Conn().SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var others sync.WaitGroup
	replies := make(chan struct{}, 1)
	others.Go(func() { end(s.report(session, conn, replies)) })
	k := &keeper{stream: s, conn: ctl, oids: f.oids}
	others.Go(func() { end(k.run(session)) })
	end(s.read(conn, replies))
	others.Wait()
	ctl = k.conn
	err = context.Cause(session)
	// A publication that was made after what is read now is unknown there, for ever.
	s.spoilt = hasCode(err, "42704")
	return err
}

// limit takes the server's limit for the log of a slot.
func (s *Stream) limit(f facts) {
	hold := int64(maxHold)
	if f.keepSize >= 0 {
		hold = min(hold, f.keepSize/2)
	} else if !s.warned {
		s.warned = true
		s.log.Warn("max_slot_wal_keep_size is unlimited: a replication slot that nobody reads fills the server's disk", "mend", "alter system set max_slot_wal_keep_size = '4GB'; select pg_reload_conf();")
	}
	s.hold.Store(hold)
}

// read takes what the server sends until the connection ends.
func (s *Stream) read(conn *pgconn.PgConn, replies chan<- struct{}) error {
	for {
		msg, err := conn.ReceiveMessage(context.Background())
		if err != nil {
			return err
		}
		s.heard.Add(1)
		switch msg := msg.(type) {
		case *pgproto3.CopyData:
			reply, err := s.take(msg.Data)
			if err != nil {
				return err
			}
			if reply {
				select {
				case replies <- struct{}{}:
				default: // one is on its way
				}
			}
		case *pgproto3.ErrorResponse:
			return pgconn.ErrorResponseToPgError(msg)
		case *pgproto3.NoticeResponse, *pgproto3.ParameterStatus:
		default:
			return &Failure{Kind: "stopping", Err: errors.New("the server has ended the stream")}
		}
	}
}

// take deals with one message and tells whether the server waits for a reply.
func (s *Stream) take(data []byte) (reply bool, err error) {
	if len(data) == 0 {
		return false, errMalformed
	}
	switch data[0] {
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		k, err := pglogrepl.ParsePrimaryKeepaliveMessage(data[1:])
		if err != nil {
			return false, err
		}
		if !s.decoder.open {
			s.ring.advance(changes.LSN(k.ServerWALEnd))
		}
		return k.ReplyRequested, nil
	case pglogrepl.XLogDataByteID:
		x, err := pglogrepl.ParseXLogData(data[1:])
		if err != nil {
			return false, err
		}
		tx, size, err := s.decoder.decode(x.WALData)
		if err != nil {
			return false, fmt.Errorf("decode what stands at %s: %w", x.WALStart, err)
		}
		if tx != nil {
			s.metrics.count(&s.decoder.counts, size)
			if !s.heartbeat(tx) {
				s.ring.add(tx, size)
			}
		}
		return false, nil
	}
	return false, fmt.Errorf("%w of unknown kind %q", errMalformed, data[0])
}
