package changes

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// LSN is a place in the write-ahead log. Two compare only within one Epoch.
type LSN uint64

// String writes it as Postgres does, such as 16/B374D848.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l)) }

// ParseLSN reads the form that Postgres writes.
func ParseLSN(s string) (LSN, error) {
	high, low, ok := strings.Cut(s, "/")
	h, errHigh := strconv.ParseUint(high, 16, 32)
	l, errLow := strconv.ParseUint(low, 16, 32)
	if !ok || errHigh != nil || errLow != nil {
		return 0, fmt.Errorf("%q is not a place in the log: want two hexadecimal numbers, as 16/B374D848", s)
	}
	return LSN(h<<32 | l), nil
}

// Epoch is a history of one database system. A restored backup or a promoted
// standby begins another, in which old places mean nothing.
type Epoch struct {
	// System is what initdb drew: system_identifier of pg_control_system().
	System uint64
	// Timeline counts the promotions.
	Timeline uint32
}

// String writes it as the beginning of a Position: 7301.../1.
func (e Epoch) String() string {
	return strconv.FormatUint(e.System, 10) + "/" + strconv.FormatUint(uint64(e.Timeline), 10)
}

// Position is a place between two transactions: after the one whose End is LSN.
// The zero Position is none.
type Position struct {
	Epoch
	LSN LSN
}

// String writes it for resume tokens and checkpoints: 7301.../1/16/B374D848.
func (p Position) String() string {
	return p.Epoch.String() + "/" + p.LSN.String()
}

// ParsePosition reads what String wrote.
func ParsePosition(s string) (Position, error) {
	system, rest, _ := strings.Cut(s, "/")
	timeline, lsn, _ := strings.Cut(rest, "/")
	n, errSystem := strconv.ParseUint(system, 10, 64)
	t, errTimeline := strconv.ParseUint(timeline, 10, 32)
	l, err := ParseLSN(lsn)
	if err := errors.Join(errSystem, errTimeline, err); err != nil {
		return Position{}, fmt.Errorf("%q is not a position: want system/timeline/lsn", s)
	}
	return Position{Epoch{n, uint32(t)}, l}, nil
}
