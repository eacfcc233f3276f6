package replication

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// decoder makes transactions of the messages of pgoutput, protocol version 1
// (Postgres documentation, "Logical Replication Message Formats"). It talks to
// nobody and trusts no byte.
type decoder struct {
	// maxChanges and maxBytes of a transaction; beyond either it is Large.
	maxChanges, maxBytes int
	now                  func() time.Time
	epoch                changes.Epoch
	last                 changes.LSN // end of the last transaction

	// relations are those of this connection, known those of the one before it, so
	// that a table that is still the same keeps its pointer.
	relations, known map[uint32]*changes.Relation

	open bool
	tx   changes.Transaction
	// events are those of tx, in memory that each transaction uses again.
	events []changes.Event
	// rows of tx so far, also those that are not kept; memory of those that are.
	rows, bytes int
	touched     map[touchedKey]int
	slab        []byte
	// small is memory that small transactions share, as rows do a slab.
	small  []smallTransaction
	counts counts
}

// smallTransaction is one of at most eventsOfSmall events and bytesOfSmall bytes, so that
// those who share memory with one that is kept for long are worth little.
type smallTransaction struct {
	tx     changes.Transaction
	events [eventsOfSmall]changes.Event
}

const (
	eventsOfSmall = 2
	bytesOfSmall  = 4 << 10
	smallInSlab   = 64
)

// counts is what was decoded since the last look at it.
type counts struct{ inserts, updates, deletes, truncates, messages int64 }

type touchedKey struct {
	relation *changes.Relation
	prefix   string
}

// slabSize is the unit in which memory for rows is taken: transactions share a
// slab, and it is free when none of them is needed any more.
const slabSize = 64 << 10

var errMalformed = errors.New("malformed message")

func newDecoder(maxChanges, maxBytes int) *decoder {
	return &decoder{maxChanges: maxChanges, maxBytes: maxBytes, now: time.Now}
}

// restart forgets the open transaction: a new connection begins with whole ones.
func (d *decoder) restart(epoch changes.Epoch, from changes.LSN) {
	d.epoch, d.last = epoch, from
	d.known, d.relations = d.relations, map[uint32]*changes.Relation{}
	d.reset()
}

func (d *decoder) reset() {
	clear(d.events)
	d.events = d.events[:0]
	if cap(d.events) > 1024 {
		d.events = nil
	}
	d.open, d.tx, d.bytes, d.rows, d.touched = false, changes.Transaction{}, 0, 0, nil
}

// decode takes one message and returns the transaction that it completes, or nil.
// data is only read, and not kept. size is the memory that the transaction takes.
func (d *decoder) decode(data []byte) (tx *changes.Transaction, size int, err error) {
	if len(data) == 0 {
		return nil, 0, errMalformed
	}
	r := &reader{data: data[1:]}
	switch kind := data[0]; kind {
	case 'B':
		err = d.begin(r)
	case 'C':
		return d.commit(r)
	case 'R':
		err = d.relation(r)
	case 'I', 'U', 'D':
		err = d.row(changes.Op(kind), data)
	case 'T':
		err = d.truncate(r)
	case 'M':
		return d.message(r)
	case 'O', 'Y': // origin and type names: nothing that we need
	default:
		err = fmt.Errorf("%w of unknown kind %q", errMalformed, kind)
	}
	return nil, 0, err
}

func (d *decoder) begin(r *reader) error {
	final, committed, xid := changes.LSN(r.uint64()), r.time(), r.uint32()
	if !r.end() || d.open {
		return errMalformed
	}
	d.open = true
	d.tx = changes.Transaction{Epoch: d.epoch, XID: xid, Commit: final, Time: committed}
	return nil
}

func (d *decoder) commit(r *reader) (*changes.Transaction, int, error) {
	_, commit, end := r.byte(), changes.LSN(r.uint64()), changes.LSN(r.uint64())
	_ = r.time()
	if !r.end() || !d.open || end <= commit {
		return nil, 0, errMalformed
	}
	d.tx.Commit, d.tx.End = commit, end
	return d.finish()
}

// finish hands over the transaction, and its size in memory.
func (d *decoder) finish() (*changes.Transaction, int, error) {
	d.last = d.tx.End
	size := d.bytes + int(unsafe.Sizeof(d.tx)) + len(d.tx.Touched)*int(unsafe.Sizeof(changes.Touched{}))
	var tx *changes.Transaction
	if len(d.events) <= eventsOfSmall && d.bytes <= bytesOfSmall {
		if len(d.small) == 0 {
			d.small = make([]smallTransaction, smallInSlab)
		}
		s := &d.small[0]
		d.small = d.small[1:]
		s.tx = d.tx
		s.tx.Events = s.events[:copy(s.events[:], d.events):eventsOfSmall]
		tx = &s.tx
	} else {
		tx = new(changes.Transaction)
		*tx = d.tx
		tx.Events = slices.Clone(d.events)
	}
	d.reset()
	return tx, size, nil
}

func (d *decoder) relation(r *reader) error {
	rel := &changes.Relation{OID: r.uint32()}
	rel.Schema, rel.Name = r.string(), r.string()
	if rel.Schema == "" {
		rel.Schema = "pg_catalog" // as the protocol writes it
	}
	rel.Identity = changes.Identity(r.byte())
	n := int(r.uint16())
	rel.Columns = make([]changes.Column, 0, min(n, len(r.data))) // n is not to be trusted
	for range n {
		if r.failed {
			return errMalformed
		}
		key := r.byte()&1 != 0
		rel.Columns = append(rel.Columns, changes.Column{Key: key, Name: r.string(), Type: r.uint32(), Modifier: int32(r.uint32())})
	}
	if !r.end() {
		return errMalformed
	}
	for _, old := range []*changes.Relation{d.relations[rel.OID], d.known[rel.OID]} {
		if old != nil && same(old, rel) {
			rel = old
			break
		}
	}
	if d.relations == nil {
		d.relations = map[uint32]*changes.Relation{}
	}
	d.relations[rel.OID] = rel
	return nil
}

func same(a, b *changes.Relation) bool {
	return a.OID == b.OID && a.Table == b.Table && a.Identity == b.Identity && slices.Equal(a.Columns, b.Columns)
}

// row takes an insert, update or delete.
func (d *decoder) row(op changes.Op, data []byte) error {
	r := &reader{data: data[1:]}
	rel := d.relations[r.uint32()]
	if r.failed || rel == nil || !d.open {
		return errMalformed
	}
	e := changes.Event{Op: op, Relation: rel}
	rest := r.data
	keep := d.keep(op, len(rest))
	if keep {
		rest = d.copy(rest)
	}
	for len(rest) > 0 {
		kind := rest[0]
		tuple, after, err := changes.ParseTuple(rest[1:])
		if err != nil || tuple.Len() != len(rel.Columns) {
			return errMalformed
		}
		switch {
		case kind == 'N' && op != changes.Delete && len(after) == 0:
			e.New = tuple
		case (kind == 'K' || kind == 'O') && op != changes.Insert && e.Old.IsZero():
			e.Old, e.OldIsKey = tuple, kind == 'K'
		default:
			return errMalformed
		}
		rest = after
	}
	if op == changes.Delete && e.Old.IsZero() || op != changes.Delete && e.New.IsZero() {
		return errMalformed
	}
	switch op {
	case changes.Insert:
		d.counts.inserts++
	case changes.Update:
		d.counts.updates++
	default:
		d.counts.deletes++
	}
	d.add(&e, keep)
	return nil
}

func (d *decoder) truncate(r *reader) error {
	n := r.uint32()
	_ = r.byte() // cascade and restart identity
	if !d.open {
		return errMalformed
	}
	for range n {
		rel := d.relations[r.uint32()]
		if r.failed || rel == nil {
			return errMalformed
		}
		d.counts.truncates++
		d.add(&changes.Event{Op: changes.Truncate, Relation: rel}, d.keep(changes.Truncate, 0))
	}
	if !r.end() {
		return errMalformed
	}
	return nil
}

// message takes one of pg_logical_emit_message. One outside of transactions comes
// between them, and is a transaction of its own here.
func (d *decoder) message(r *reader) (*changes.Transaction, int, error) {
	transactional, lsn := r.byte()&1 != 0, changes.LSN(r.uint64())
	prefix, content := r.string(), r.bytes(int64(r.uint32()))
	if !r.end() || transactional != d.open {
		return nil, 0, errMalformed
	}
	d.counts.messages++
	if !transactional {
		// Told is where it ends; that it begins after what was decoded last is all that
		// is known.
		d.tx = changes.Transaction{Epoch: d.epoch, Commit: d.last, End: lsn, Time: d.now()}
	}
	e := changes.Event{Op: changes.Message, Prefix: prefix}
	keep := d.keep(changes.Message, len(content))
	if keep {
		e.Content = d.copy(content)
	}
	d.add(&e, keep)
	if transactional {
		return nil, 0, nil
	}
	return d.finish()
}

// keep counts a change of n bytes, and tells whether there is room for it. When
// there is none any more the rows so far go too, since a part of them says nothing;
// messages stay while they alone would fit.
func (d *decoder) keep(op changes.Op, n int) bool {
	n += int(unsafe.Sizeof(changes.Event{}))
	d.rows++
	if !d.tx.Large && (d.rows > d.maxChanges || d.bytes+n > d.maxBytes) {
		d.tx.Large = true
		d.touched = map[touchedKey]int{}
		d.bytes = 0
		for i := range d.events {
			d.touch(&d.events[i])
			if e := &d.events[i]; e.Op == changes.Message {
				d.bytes += len(e.Content) + int(unsafe.Sizeof(*e))
			}
		}
		d.events = slices.DeleteFunc(d.events, func(e changes.Event) bool { return e.Op != changes.Message })
	}
	if d.tx.Large && (op != changes.Message || len(d.events) >= d.maxChanges || d.bytes+n > d.maxBytes) {
		return false
	}
	d.bytes += n
	return true
}

func (d *decoder) add(e *changes.Event, keep bool) {
	if keep {
		d.events = append(d.events, *e)
	}
	if d.tx.Large {
		d.touch(e)
	}
}

func (d *decoder) touch(e *changes.Event) {
	key := touchedKey{e.Relation, e.Prefix}
	if e.Relation == nil && len(d.touched) >= d.maxChanges {
		key.prefix = "" // there is no end to the prefixes that one could make up
	}
	i, ok := d.touched[key]
	if !ok {
		i = len(d.tx.Touched)
		d.touched[key] = i
		d.tx.Touched = append(d.tx.Touched, changes.Touched{Relation: key.relation, Prefix: key.prefix})
	}
	d.tx.Touched[i].Count++
}

// copy puts bytes where they can stay.
func (d *decoder) copy(b []byte) []byte {
	if len(b) > slabSize/4 {
		return slices.Clip(bytes.Clone(b))
	}
	if len(b) > cap(d.slab)-len(d.slab) {
		d.slab = make([]byte, 0, slabSize)
	}
	n := len(d.slab)
	d.slab = append(d.slab, b...)
	return d.slab[n:len(d.slab):len(d.slab)]
}

// reader takes values off a message. After the first that isn't there it has
// failed and gives zeros.
type reader struct {
	data   []byte
	failed bool
}

func (r *reader) bytes(n int64) []byte {
	if r.failed || n > int64(len(r.data)) {
		r.failed = true
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// string ends with a zero byte.
func (r *reader) string() string {
	i := bytes.IndexByte(r.data, 0)
	if i < 0 {
		r.failed = true
		return ""
	}
	s := string(r.bytes(int64(i)))
	_ = r.byte()
	return s
}

// time is microseconds since the year 2000.
func (r *reader) time() time.Time {
	const y2k = 946_684_800_000_000
	return time.UnixMicro(int64(r.uint64()) + y2k)
}

// end tells whether the message was read whole and had nothing else.
func (r *reader) end() bool { return !r.failed && len(r.data) == 0 }
