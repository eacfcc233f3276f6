package worker

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// spawner starts processes from one thread, which nothing else uses: they inherit its guard,
// and the kernel kills them when it ends, as it does with our process however that ends.
type spawner struct {
	calls   chan func()
	guarded bool
}

// newSpawner makes one. If the kernel has no guard for it, why says so.
func newSpawner(allowed func(netip.AddrPort, bool) bool, log *slog.Logger) (s *spawner, why error) {
	s = &spawner{calls: make(chan func())}
	ready := make(chan error)
	go func() {
		// Never unlocked: when the goroutine ends, the thread does.
		runtime.LockOSThread()
		g, err := install(allowed, log)
		if err == nil {
			s.guarded = true
			go g.run()
		}
		ready <- err
		for call := range s.calls {
			call()
		}
	}()
	return s, <-ready
}

func (s *spawner) close() { close(s.calls) }

// start runs a program in a process group of its own, with those three descriptors and no
// other. With a uid it runs as that user and group, and no more.
func (s *spawner) start(argv, env []string, dir string, uid int, files [3]*os.File) (p *os.Process, err error) {
	attr := &os.ProcAttr{Dir: dir, Env: env, Files: files[:], Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}}
	if uid != 0 {
		attr.Sys.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	done := make(chan struct{})
	s.calls <- func() {
		p, err = os.StartProcess(argv[0], argv, attr)
		close(done)
	}
	<-done
	return p, err
}

// as calls do on a thread whose real user is that of a worker, by which the kernel decides who
// may limit or look into whom. Root needs no capabilities for it then, which it lacks in most
// containers.
func as(uid int, do func() error) (err error) {
	if uid == 0 || uid == os.Getuid() {
		return do()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Never unlocked: the thread ends with the goroutine, and nothing else gets its user.
		runtime.LockOSThread()
		keep := ^uintptr(0)
		for _, call := range []uintptr{unix.SYS_SETRESGID, unix.SYS_SETRESUID} {
			if _, _, errno := unix.RawSyscall(call, uintptr(uid), keep, keep); errno != 0 {
				err = fmt.Errorf("become the user of a worker: %w", errno)
				return
			}
		}
		err = do()
	}()
	<-done
	return err
}

// bound limits what a process may have before it is given any code.
func bound(pid int) error {
	for what, most := range map[int]uint64{unix.RLIMIT_NOFILE: 1024, unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: 0} {
		if err := unix.Prlimit(pid, what, &unix.Rlimit{Cur: most, Max: most}, nil); err != nil {
			return fmt.Errorf("prlimit: %w", err)
		}
	}
	// When memory ends, the kernel shall choose a worker.
	return os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte("1000"), 0)
}

// boundMemory lets a process have so many bytes more than it has now. What is allocated outside
// of the heap of JavaScript counts, which no flag of V8 limits.
func boundMemory(pid int, more int64) error {
	has, err := dataSize(pid)
	if err != nil {
		return err
	}
	most := uint64(has + more)
	return unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: most, Max: most}, nil)
}

// ended waits until a process has, and leaves its number taken until it is reaped.
func ended(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}

// cpuTime is what a process used, all threads, in nanoseconds; 0 if it is gone.
func cpuTime(pid int) int64 {
	var t unix.Timespec
	const scheduled = 2 // CPUCLOCK_SCHED, of the clock of a process
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &t); err != nil {
		return 0
	}
	return t.Nano()
}
