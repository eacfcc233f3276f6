package cluster

import (
	"fmt"
	"os"
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
