package bus

import (
	"errors"
	"strconv"
	"strings"
)

var errSnapshot = errors.New("malformed snapshot")

// Sees tells whether a snapshot, as pg_current_snapshot() prints it, shows what a
// committed transaction has done. A commit is streamed a moment before it is
// visible, and with synchronous standbys long before.
func Sees(snapshot string, xid uint32) (bool, error) {
	lo, rest, _ := strings.Cut(snapshot, ":")
	hi, running, ok := strings.Cut(rest, ":")
	xmin, errMin := strconv.ParseUint(lo, 10, 64)
	xmax, errMax := strconv.ParseUint(hi, 10, 64)
	if !ok || errMin != nil || errMax != nil {
		return false, errSnapshot
	}
	// The stream gives the low half of the id; the id nearest to the snapshot is meant.
	full := xmax + uint64(int64(int32(xid-uint32(xmax))))
	if full >= xmax {
		return false, nil
	}
	if full < xmin {
		return true, nil
	}
	for id := range strings.SplitSeq(running, ",") {
		if id == strconv.FormatUint(full, 10) {
			return false, nil
		}
	}
	return true, nil
}
