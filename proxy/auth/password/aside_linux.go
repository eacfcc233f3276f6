package password

import (
	"runtime"
	"syscall"
)

// niceness is a third of the weight of other threads (sched(7)), so that a core that both want
// is mostly the others', while a machine that is full of them still signs in.
const niceness = 5

// aside runs a hash on a thread of lower priority, of its own: hashes are long, and whoever else
// wants the core must not wait for the end of their share. The thread ends with it, because only
// root may raise a priority again.
func aside(hash func()) {
	done := make(chan any)
	go func() {
		defer func() { done <- recover() }()
		runtime.LockOSThread()
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), niceness)
		hash()
	}()
	if caught := <-done; caught != nil {
		panic(caught)
	}
}
