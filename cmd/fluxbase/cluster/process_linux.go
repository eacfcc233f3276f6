package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = sigFast }

// runsIn reports whether the process is alive and works in the data directory,
// as a postmaster does from its first moment: an id alone may have been given to
// another process.
func runsIn(pid int, data string) bool {
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return err == nil && cwd == data
}

// endOrphans kills every postgres that works in the data directory, where no postmaster is
// any more, and returns how many they were. A session notices that its postmaster is gone
// when it waits for something; one that computes, or that makes a replication slot, which
// looks for more log every millisecond, may never.
func endOrphans(data string) (n int) {
	found, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, path := range found {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		comm, err := os.ReadFile(path)
		if err == nil && string(comm) == "postgres\n" && runsIn(pid, data) && syscall.Kill(pid, sigKill) == nil {
			n++
		}
	}
	return n
}
