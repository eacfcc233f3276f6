package pg

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	// lookEvery is how often the cores are looked at while somebody asks. Linux counts in
	// hundredths of a second.
	lookEvery = 250 * time.Millisecond
	// idlePart is which part of the time makes a core a free one: an eighth. Of a machine
	// with more to do than it can, some hundredths are idle.
	idlePart = 8
)

// cores tells how much the cores of this machine have to do, whoever gives it to them: this
// process, others, or the database if it is here.
type cores struct {
	stat string // /proc/stat, see proc_stat(5); without it cores are idle

	mu          sync.Mutex
	looked      time.Time
	total, idle int64 // ticks of all cores up to then
	taken       bool
}

// areTaken tells whether hardly any core was idle of late.
func (c *cores) areTaken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	since := now.Sub(c.looked)
	if since < lookEvery {
		return c.taken
	}
	total, idle := readTicks(c.stat)
	// What was long ago tells nothing of now.
	c.taken = since < 4*lookEvery && total > c.total && (idle-c.idle)*idlePart < total-c.total
	c.looked, c.total, c.idle = now, total, idle
	return c.taken
}

// readTicks reads how long all cores together have been there, and how long they were idle.
// To wait for a disk is to be idle; the time of that may go back a little. It gives 0 where the system does not tell.
func readTicks(stat string) (total, idle int64) {
	f, err := os.Open(stat)
	if err != nil {
		return 0, 0
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 256)
	n, _ := f.Read(head)
	line, _, _ := bytes.Cut(head[:n], []byte("\n"))
	const idleAt, waitAt, guestAt = 4, 5, 9 // the time of guests is part of the user's
	for i, field := range bytes.Fields(line) {
		ticks, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil || i >= guestAt {
			continue // the first is the word cpu
		}
		total += ticks
		if i == idleAt || i == waitAt {
			idle += ticks
		}
	}
	return total, idle
}
