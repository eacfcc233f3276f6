package aside

import (
	"os"
	"strconv"

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

// runIdle has all threads of this process run where no other wants to (SCHED_IDLE, sched(7)). A
// thread that is made meanwhile has what its maker has.
func runIdle() error {
	for {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		settled := true
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				return err
			}
			attr, err := unix.SchedGetAttr(id, 0)
			if err == unix.ESRCH || err == nil && attr.Policy == unix.SCHED_IDLE {
				continue
			}
			settled = false
			if err == nil {
				attr.Policy = unix.SCHED_IDLE
				err = unix.SchedSetAttr(id, attr, 0)
			}
			if err != nil && err != unix.ESRCH {
				return err
			}
		}
		if settled {
			return nil
		}
	}
}
