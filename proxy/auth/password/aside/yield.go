package aside

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

// niceness is a third of the weight that the parent has (sched(7)), so that a core that both want
// is mostly the others', while a machine that is full of them still gets its answers.
const niceness = 5

// Yield makes this process one that others need not wait for, before it calls Serve; what the
// system refuses is done without. Signals that end all processes of a service come before its last
// requests are answered, so it is left to the parent to end this one.
func Yield() {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	leaves, session := priority(os.Getenv(priorityName)) == leftovers, niceness
	if leaves {
		session = 19
	}
	// On Linux a priority is one thread's, except that of a group, which is all its threads'. Cores
	// may be shared out by session there (sched(7), the autogroup feature), so it has its own.
	if _, err := syscall.Setsid(); err == nil {
		_ = syscall.Setpriority(syscall.PRIO_PGRP, 0, inherited()+niceness)
		_ = os.WriteFile("/proc/self/autogroup", []byte(strconv.Itoa(session)), 0)
	}
	if leaves {
		_ = runIdle()
	}
	conceal()
}
