package aside

import (
	"os"

	"golang.org/x/sys/unix"
)

// inherited is the niceness of the parent. The kernel gives 20 less that (getpriority(2)).
func inherited() int {
	priority, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return 0
	}
	return 20 - priority
}

// conceal keeps what is computed from core dumps, and from debuggers of the same user. When memory
// ends, the kernel shall choose this process, since another takes its place.
func conceal() {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
