package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// publications hold what is streamed: the application's tables, and those that
// steer the product. Those that exist are read.
var publications = []string{"fluxbase_system", "supabase_realtime"}

const (
	connectTimeout = 5 * time.Second
	// queryTimeout bounds every statement of ours but the making of a slot.
	queryTimeout = 10 * time.Second
	// slotPatience is how long the making of a slot waits for one old transaction. As
	// a lock_timeout, because a statement_timeout doesn't end that wait.
	slotPatience = "30s"
)

// facts are what a database says of itself before we read from it.
type facts struct {
	version      int
	walLevel     string
	keepSize     int64  // max_slot_wal_keep_size in bytes, negative for no limit
	synchronous  string // synchronous_standby_names
	publications []string
	oids         []uint32 // of the publications
}

// control opens an ordinary connection: slots are made by SQL, since the protocol's
// own command has no failover in this client, and it can say what is in the way.
func (s *Stream) control(ctx context.Context) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(s.cfg.DatabaseURL)
	if err != nil {
		return nil, err
	}
	cfg.ConnectTimeout = connectTimeout
	cfg.RuntimeParams["application_name"] = s.slot + " control"
	if cfg.RuntimeParams["lock_timeout"] == "" { // the URL may have another
		cfg.RuntimeParams["lock_timeout"] = slotPatience
	}
	cfg.ValidateConnect = primary
	return pgx.ConnectConfig(ctx, cfg)
}

// primary refuses a standby, so that of several hosts in a URL the right one is
// taken. The simple protocol is all that a replication connection speaks.
func primary(ctx context.Context, conn *pgconn.PgConn) error {
	results, err := conn.Exec(ctx, "show transaction_read_only").ReadAll()
	if err != nil {
		return err
	}
	if len(results) == 1 && len(results[0].Rows) == 1 && string(results[0].Rows[0][0]) == "on" {
		return &Failure{"standby", errors.New("the server is a standby, or read only"), "let FLUXBASE_REPLICATION_DATABASE_URL lead to the primary, or name all hosts in it"}
	}
	return nil
}

// look asks for the facts and says what is wrong with them.
func (s *Stream) look(ctx context.Context, conn *pgx.Conn) (facts, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var f facts
	err := conn.QueryRow(ctx, `
		select current_setting('server_version_num')::integer, current_setting('wal_level'),
		  pg_size_bytes(current_setting('max_slot_wal_keep_size')), current_setting('synchronous_standby_names'),
		  array(select pubname::text from pg_catalog.pg_publication where pubname = any ($1) order by pubname),
		  array(select oid from pg_catalog.pg_publication where pubname = any ($1) order by pubname)`, publications,
	).Scan(&f.version, &f.walLevel, &f.keepSize, &f.synchronous, &f.publications, &f.oids)
	switch {
	case err != nil:
		return f, fmt.Errorf("look at the server: %w", err)
	case f.walLevel != "logical":
		return f, &Failure{"wal_level", fmt.Errorf("wal_level is %s", f.walLevel), "alter system set wal_level = 'logical', then restart Postgres"}
	case s.isStandbyIn(f.synchronous):
		return f, &Failure{"synchronous", fmt.Errorf("synchronous_standby_names is %s: commits would wait for this stream, which confirms what it reads a minute late", f.synchronous), "list the standbys by name in synchronous_standby_names"}
	case len(f.publications) == 0:
		return f, &Failure{"publication", fmt.Errorf("there is no publication %s", strings.Join(publications, " or ")), "fluxbase migrate up makes them"}
	}
	return f, nil
}

// isStandbyIn tells whether the server would take our walsender for one of its
// synchronous standbys, by its application_name.
func (s *Stream) isStandbyIn(names string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(names, func(r rune) bool { return strings.ContainsRune(" ,()\"", r) }),
		func(name string) bool { return name == "*" || strings.EqualFold(name, s.slot) })
}

// ensureSlot finds our slot, or makes it.
func (s *Stream) ensureSlot(ctx context.Context, conn *pgx.Conn, f facts) (slot, error) {
	var here bool
	var plugin, status, confirmed string
	var pid *int
	err := conn.QueryRow(ctx, `
		select coalesce(database = current_database(), false), coalesce(plugin, ''), coalesce(wal_status, ''), coalesce(confirmed_flush_lsn::text, '0/0'), active_pid
		from pg_catalog.pg_replication_slots where slot_name = $1`, s.slot).Scan(&here, &plugin, &status, &confirmed, &pid)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return s.makeSlot(ctx, conn, f)
	case err != nil:
		return slot{}, fmt.Errorf("look for slot %s: %w", s.slot, err)
	case !here || plugin != "pgoutput":
		return slot{}, &Failure{"in_use", fmt.Errorf("slot %s belongs to something else", s.slot), "choose another FLUXBASE_REALTIME_INSTANCE"}
	case pid != nil:
		return slot{}, &Failure{"in_use", fmt.Errorf("slot %s is active for PID %d", s.slot, *pid), mends["55006"].Mend}
	case status == "lost" || s.spoilt:
		s.log.Error("the replication slot can't be read any more and is made anew; what was built from it is read again", "slot", s.slot, "wal_status", status)
		if _, err := conn.Exec(ctx, `select pg_drop_replication_slot($1)`, s.slot); err != nil {
			return slot{}, fmt.Errorf("drop slot %s: %w", s.slot, err)
		}
		return s.makeSlot(ctx, conn, f)
	}
	lsn, err := changes.ParseLSN(confirmed)
	return slot{confirmed: lsn}, err
}

func (s *Stream) makeSlot(ctx context.Context, conn *pgx.Conn, f facts) (slot, error) {
	create := `select lsn::text from pg_create_logical_replication_slot($1, 'pgoutput', false, false)`
	if f.version >= 170000 {
		create = `select lsn::text from pg_create_logical_replication_slot($1, 'pgoutput', false, false, failover => true)`
	}
	s.log.Info("making a replication slot", "slot", s.slot)
	var text string
	err := conn.QueryRow(ctx, create, s.slot).Scan(&text)
	if hasCode(err, "55P03") {
		return slot{}, &Failure{"blocked", fmt.Errorf("make slot %s: %w (%s)", s.slot, err, s.blockers(ctx, conn)), mends["55P03"].Mend}
	}
	if err != nil {
		return slot{}, fmt.Errorf("make slot %s: %w", s.slot, err)
	}
	s.spoilt = false
	lsn, err := changes.ParseLSN(text)
	return slot{lsn, true}, err
}

// blockers names the transactions that a new slot waits for.
func (s *Stream) blockers(ctx context.Context, conn *pgx.Conn) string {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var found string
	err := conn.QueryRow(ctx, `
		select coalesce(string_agg(distinct coalesce('PID ' || l.pid || ' of ' || a.usename || coalesce(' since ' || a.xact_start, ''),
		  'prepared transaction ' || quote_literal(p.gid)), ', '), 'it has ended since')
		from pg_catalog.pg_locks as l
		left join pg_catalog.pg_stat_activity as a on a.pid = l.pid
		left join pg_catalog.pg_prepared_xacts as p on p.transaction = l.transactionid
		where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted and l.pid is distinct from pg_backend_pid()`).Scan(&found)
	if err != nil {
		return "what it waits for can't be told: " + err.Error()
	}
	return "it waits for " + found
}

// dial opens a connection that can be streamed on.
func (s *Stream) dial(ctx context.Context) (*pgconn.PgConn, error) {
	cfg, err := pgconn.ParseConfig(s.cfg.DatabaseURL)
	if err != nil {
		return nil, err
	}
	cfg.ConnectTimeout = connectTimeout
	cfg.ValidateConnect, cfg.DialFunc = primary, dialPaced
	for name, value := range map[string]string{
		"replication": "database", "application_name": s.slot,
		// The text form of values must not depend on settings of database or role.
		"client_encoding": "UTF8", "datestyle": "ISO, MDY", "intervalstyle": "postgres", "timezone": "UTC", "extra_float_digits": "1", "bytea_output": "hex",
	} {
		cfg.RuntimeParams[name] = value
	}
	return pgconn.ConnectConfig(ctx, cfg)
}

// start begins to read the slot and tells the ring from where.
func (s *Stream) start(ctx context.Context, f facts, own slot) (*pgconn.PgConn, error) {
	conn, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.begin(ctx, conn, f, own); err != nil {
		hangUp(conn)
		return nil, err
	}
	return conn, nil
}

func (s *Stream) begin(ctx context.Context, conn *pgconn.PgConn, f facts, own slot) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	epoch, flushed, err := identify(ctx, conn)
	if err != nil {
		return err
	}
	from, gap := s.ring.resume(server{epoch, flushed, own})
	if err := startReplication(ctx, conn, s.slot, from, f.publications); err != nil {
		return err
	}
	if gap != "" {
		s.ring.reset(gap, epoch, from)
	}
	s.decoder.restart(epoch, from)
	s.flushed = own.confirmed
	s.log.Info("streaming changes", "slot", s.slot, "from", from, "publications", f.publications, "timeline", epoch.Timeline)
	return nil
}

// identify asks which history the server is in, and how far that has come.
func identify(ctx context.Context, conn *pgconn.PgConn) (changes.Epoch, changes.LSN, error) {
	system, err := pglogrepl.IdentifySystem(ctx, conn)
	if err != nil {
		return changes.Epoch{}, 0, fmt.Errorf("identify the server: %w", err)
	}
	id, err := strconv.ParseUint(system.SystemID, 10, 64)
	if err != nil {
		return changes.Epoch{}, 0, fmt.Errorf("identify the server: %w", err)
	}
	return changes.Epoch{System: id, Timeline: uint32(system.Timeline)}, changes.LSN(system.XLogPos), nil
}

func startReplication(ctx context.Context, conn *pgconn.PgConn, slot string, from changes.LSN, publications []string) error {
	err := pglogrepl.StartReplication(ctx, conn, slot, pglogrepl.LSN(from), pglogrepl.StartReplicationOptions{
		Mode:       pglogrepl.LogicalReplication,
		PluginArgs: []string{"proto_version '1'", "messages 'true'", `publication_names '"` + strings.Join(publications, `","`) + `"'`},
	})
	if err != nil {
		return fmt.Errorf("read slot %s: %w", slot, err)
	}
	return nil
}

// hangUp closes without waiting: the other side may be long gone.
func hangUp(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}
