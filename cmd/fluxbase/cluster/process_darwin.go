package cluster

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// dieWithParent can do nothing here: a postmaster that outlives us is adopted at
// the next start.
func dieWithParent(*syscall.SysProcAttr) {}

// runsIn reports whether the process is alive and is a postgres of the data
// directory: an id alone may have been given to another process.
func runsIn(pid int, data string) bool {
	out, err := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "postgres") && strings.Contains(string(out), data)
}

// endOrphans can do nothing here: the sessions of a killed postmaster show no directory,
// and have to end by themselves.
func endOrphans(string) int { return 0 }
