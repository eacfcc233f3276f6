//go:build !linux

package aside

import "syscall"

// inherited is the niceness of the parent.
func inherited() int {
	n, _ := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	return n
}

// conceal keeps what is computed from core dumps.
func conceal() { _ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) }

// runIdle is for systems that know such a thing.
func runIdle() error { return syscall.ENOSYS }
