package bus

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// maxUnsettled is how many transactions of a table are remembered by themselves
// until a snapshot has shown them.
const maxUnsettled = 16

// Versions tells of sets of tables whether anything in them has changed, without
// asking the database (docs/decisions/0006). It is for Deps.Versions.
type Versions struct {
	bus *Bus // from New on

	mu     sync.RWMutex
	last   uint64 // the latest version given to anything
	floor  uint64 // no table has an older one
	tables map[changes.Table]*tableVersion
	// missed tells that the stream may have left something out before floor, which a
	// snapshot may not show yet: all that ran when the first one was taken, up to barrier.
	missed  bool
	barrier uint64
}

// tableVersion is when a table was changed last, and by whom.
type tableVersion struct {
	version uint64
	// unsettled are the transactions that a snapshot may not show yet, although they
	// are counted: each of them, or if there are many, all up to newest.
	unsettled []uint32
	many      bool
	newest    uint32
}

// NewVersions makes a Versions.
func NewVersions() *Versions { return &Versions{tables: map[changes.Table]*tableVersion{}} }

// startOver makes all versions new ones, after changes that may not have been told.
func (v *Versions) startOver() {
	v.mu.Lock()
	v.missed = true
	v.mu.Unlock()
	v.schemaChanged()
}

// schemaChanged makes all versions new ones, when new snapshots show the change.
func (v *Versions) schemaChanged() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last++
	v.floor = v.last
}

// count gives the tables of a transaction a new version.
func (v *Versions) count(tx *changes.Transaction) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last++
	var before *changes.Relation
	for i := range tx.Events {
		if r := tx.Events[i].Relation; r != nil && r != before {
			v.touch(r.Table, tx.XID)
			before = r
		}
	}
	for i := range tx.Touched {
		if r := tx.Touched[i].Relation; r != nil {
			v.touch(r.Table, tx.XID)
		}
	}
}

func (v *Versions) touch(t changes.Table, xid uint32) {
	tv := v.tables[t]
	if tv == nil {
		tv = new(tableVersion)
		v.tables[t] = tv
	}
	if tv.version == v.last {
		return // twice in one transaction
	}
	if tv.version = v.last; len(tv.unsettled) == 0 || int32(xid-tv.newest) > 0 {
		tv.newest = xid
	}
	if len(tv.unsettled) < maxUnsettled {
		tv.unsettled = append(tv.unsettled, xid)
	} else {
		tv.many = true
	}
}

// Of gives the version of a set of tables, which grows with each change of one of
// them and of the schema; false if it is not known for certain now. Proven, unless
// zero, is a time before which no change may have been missed.
func (v *Versions) Of(tables []changes.Table, proven time.Time) (uint64, bool) {
	if !v.bus.AnnouncesDDL() || !v.bus.sub.Fresh().After(proven) {
		return 0, false
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	version := v.floor
	for _, t := range tables {
		if tv := v.tables[t]; tv != nil {
			version = max(version, tv.version)
		}
	}
	return version, true
}

// Shows tells whether a snapshot, as pg_current_snapshot() prints it, that was taken
// after Of gave a version of tables, shows all that is counted in it.
func (v *Versions) Shows(tables []changes.Table, version uint64, snapshot string) bool {
	lo, rest, _ := strings.Cut(snapshot, ":")
	hi, _, _ := strings.Cut(rest, ":")
	xmin, errMin := strconv.ParseUint(lo, 10, 64)
	xmax, errMax := strconv.ParseUint(hi, 10, 64)
	if errMin != nil || errMax != nil {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if version < v.floor {
		return false
	}
	if v.missed {
		v.missed, v.barrier = false, xmax
	}
	if xmin < v.barrier {
		return false
	}
	for _, t := range tables {
		if tv := v.tables[t]; tv != nil && !tv.settle(snapshot, uint32(xmin)) {
			return false
		}
	}
	return true
}

// settle tells whether a snapshot, with no transaction below xmin at work, shows all
// of the table, and forgets them then.
func (tv *tableVersion) settle(snapshot string, xmin uint32) bool {
	if tv.many && int32(xmin-tv.newest) <= 0 {
		return false
	}
	for _, xid := range tv.unsettled {
		if seen, err := Sees(snapshot, xid); err != nil || !seen {
			return false
		}
	}
	tv.unsettled, tv.many = nil, false
	return true
}
