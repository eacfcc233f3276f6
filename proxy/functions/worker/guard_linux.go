package worker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The guard is a seccomp filter that workers inherit (seccomp(2), seccomp_unotify(2)). It
// leaves them sockets of TCP, UDP and the file system, and stops them where they bind, listen
// or connect. Only the last may be of a network: its address is read once, judged, and
// connected to by us on the worker's socket. So no name gets past that leads elsewhere, nor an
// address that changes after it was looked at.
type guard struct {
	fd      int // of the notifications
	allowed func(to netip.AddrPort, datagrams bool) bool
	log     *slog.Logger
	once    sync.Once
}

// forbidden is what no function needs, and what has let others out of sandboxes.
var forbidden = []uint32{
	unix.SYS_SENDMSG, unix.SYS_SENDMMSG, // with an address that a filter can't see
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD, unix.SYS_IO_URING_SETUP,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_SETNS, unix.SYS_UNSHARE,
	unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_KEXEC_LOAD,
}

func op(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }

func jump(code uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: code, K: k, Jt: yes, Jf: no}
}

// program makes the filter. It reads struct seccomp_data: the number of the call, the
// architecture, and from byte 16 the arguments, of which each has two halves.
func program() ([]unix.SockFilter, error) {
	arch, ok := map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]
	if !ok {
		return nil, fmt.Errorf("there is no filter for %s", runtime.GOARCH)
	}
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		least  = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		anyBit = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		and    = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
		ret    = unix.BPF_RET | unix.BPF_K
		arg    = 16
	)
	allow, refuse := op(ret, unix.SECCOMP_RET_ALLOW), op(ret, unix.SECCOMP_RET_ERRNO|uint32(unix.EACCES))
	notify, kill := op(ret, unix.SECCOMP_RET_USER_NOTIF), op(ret, unix.SECCOMP_RET_KILL_PROCESS)
	p := []unix.SockFilter{
		op(load, 4), jump(equal, arch, 1, 0), kill,
		// From there on x86 has the same calls under other numbers (x32).
		op(load, 0), jump(least, 0x40000000, 0, 1), kill,
	}
	// What is done about a call; the last of it returns, so the number is still loaded after it.
	on := func(call uint32, do ...unix.SockFilter) {
		p = append(append(p, jump(equal, call, 0, uint8(len(do)))), do...)
	}
	on(unix.SYS_CONNECT, notify)
	on(unix.SYS_LISTEN, notify)
	on(unix.SYS_BIND, notify)
	on(unix.SYS_SOCKET, // a stream by TCP or in the file system, or datagrams by UDP
		op(load, arg+8), op(and, 0xf), jump(equal, unix.SOCK_STREAM, 1, 0), jump(equal, unix.SOCK_DGRAM, 4, 12),
		op(load, arg), jump(equal, unix.AF_UNIX, 5, 0), jump(equal, unix.AF_INET, 4, 0), jump(equal, unix.AF_INET6, 3, 8),
		op(load, arg), jump(equal, unix.AF_INET, 1, 0), jump(equal, unix.AF_INET6, 0, 5),
		op(load, arg+16), jump(equal, 0, 2, 0), jump(equal, unix.IPPROTO_TCP, 1, 0), jump(equal, unix.IPPROTO_UDP, 0, 1),
		allow, refuse)
	// With an address, or opening a connection (TCP Fast Open), it is connect by another name.
	on(unix.SYS_SENDTO,
		op(load, arg+32), jump(equal, 0, 0, 5), op(load, arg+36), jump(equal, 0, 0, 3),
		op(load, arg+24), jump(anyBit, unix.MSG_FASTOPEN, 1, 0), allow, refuse)
	// A worker may keep nothing of what it compiles, and Deno sleeps between its attempts to, for
	// 150 ms in all, while nothing else goes on. By that clock only Rust's threads sleep; what
	// JavaScript waits for is waited for otherwise. It is told at once that it has slept.
	on(unix.SYS_CLOCK_NANOSLEEP,
		op(load, arg), jump(equal, unix.CLOCK_MONOTONIC, 0, 2), op(load, arg+8), jump(equal, 0, 1, 0), allow, op(ret, unix.SECCOMP_RET_ERRNO))
	for _, call := range forbidden {
		on(call, refuse)
	}
	return append(p, allow), nil
}

// install puts the calling thread, and all that it starts from then on, behind a guard.
func install(allowed func(to netip.AddrPort, datagrams bool) bool, log *slog.Logger) (*guard, error) {
	filter, err := program()
	if err != nil {
		return nil, err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("no new privileges: %w", err)
	}
	fprog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	fd, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(filter)
	if errno != 0 {
		return nil, fmt.Errorf("seccomp: %w", errno)
	}
	unix.CloseOnExec(int(fd))
	return &guard{fd: int(fd), allowed: allowed, log: log}, nil
}

// continues is SECCOMP_USER_NOTIF_FLAG_CONTINUE.
const continues = 1

// notification is struct seccomp_notif, response is struct seccomp_notif_resp.
type notification struct {
	ID         uint64
	PID, Flags uint32
	Call       int32
	Arch       uint32
	IP         uint64
	Args       [6]uint64
}

type response struct {
	ID    uint64
	Value int64
	Error int32
	Flags uint32
}

// run judges until the last thread is gone that has the filter. Each call has a goroutine,
// because a connection that is made by a socket that blocks takes its time.
func (g *guard) run() {
	defer func() { _ = unix.Close(g.fd) }()
	at := make(chan struct{}, 64)
	for {
		poll := []unix.PollFd{{Fd: int32(g.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			if poll[0].Revents != 0 {
				return
			}
			continue
		}
		n := new(notification)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(g.fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(n))); errno != 0 {
			continue // who asked is dead
		}
		at <- struct{}{}
		go func() {
			defer func() { <-at }()
			r := response{ID: n.ID}
			var own bool
			var errno unix.Errno
			err := as(owner(n.PID), func() error {
				own, errno = g.judge(n)
				return nil
			})
			switch {
			case err != nil:
				r.Error = -int32(unix.EACCES)
			case own:
				r.Flags = continues
			case errno != 0:
				r.Error = -int32(errno)
			}
			_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(g.fd), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&r)))
		}()
	}
}

// judge connects for a worker, on a copy of its descriptor, or tells why not. own says that it
// may do itself what it asks for: that is about a socket of the file system.
func (g *guard) judge(n *notification) (own bool, errno unix.Errno) {
	fd, err := g.socket(n)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		g.once.Do(func() { g.log.Warn("functions can't use the network: we may not copy their sockets", "error", err) })
	}
	if err != nil {
		return false, unix.EACCES
	}
	defer func() { _ = unix.Close(fd) }()
	if n.Call != unix.SYS_CONNECT {
		domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err != nil || domain != unix.AF_UNIX {
			return false, unix.EACCES
		}
		return true, 0
	}
	datagrams, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return false, unix.EACCES
	}
	raw := make([]byte, min(n.Args[2], unix.SizeofSockaddrAny))
	if len(raw) == 0 {
		return false, unix.EINVAL
	}
	local := []unix.Iovec{{Base: &raw[0], Len: uint64(len(raw))}}
	remote := []unix.RemoteIovec{{Base: uintptr(n.Args[1]), Len: len(raw)}}
	if read, err := unix.ProcessVMReadv(int(n.PID), local, remote, 0); err != nil || read != len(raw) {
		return false, unix.EFAULT
	}
	to, ok := address(raw)
	if !ok || !g.allowed(to, datagrams == unix.SOCK_DGRAM) {
		return false, unix.EACCES
	}
	_, _, errno = unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&raw[0])), uintptr(len(raw)))
	return false, errno
}

// socket gets a copy of the descriptor that the call is about.
func (g *guard) socket(n *notification) (int, error) {
	pid, err := process(int(n.PID))
	if err != nil {
		return 0, err
	}
	of, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0, fmt.Errorf("pidfd_open: %w", err)
	}
	defer func() { _ = unix.Close(of) }()
	// While it still waits for the answer, its number is nobody else's.
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(g.fd), unix.SECCOMP_IOCTL_NOTIF_ID_VALID, uintptr(unsafe.Pointer(&n.ID))); errno != 0 {
		return 0, errno
	}
	fd, err := unix.PidfdGetfd(of, int(int32(n.Args[0])), 0)
	if err != nil {
		return 0, fmt.Errorf("pidfd_getfd: %w", err)
	}
	return fd, nil
}

// owner is the user of a process, 0 if it is gone.
func owner(pid uint32) int {
	var s unix.Stat_t
	_ = unix.Stat("/proc/"+strconv.Itoa(int(pid)), &s)
	return int(s.Uid)
}

// process finds whose thread it is.
func process(thread int) (int, error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(thread) + "/status")
	if err != nil {
		return 0, err
	}
	_, after, _ := bytes.Cut(status, []byte("\nTgid:\t"))
	line, _, _ := bytes.Cut(after, []byte("\n"))
	return strconv.Atoi(string(line))
}

// address reads a sockaddr of IPv4 or IPv6; no other may be connected to.
func address(raw []byte) (netip.AddrPort, bool) {
	if len(raw) < unix.SizeofSockaddrInet4 {
		return netip.AddrPort{}, false
	}
	port := binary.BigEndian.Uint16(raw[2:])
	switch family := binary.NativeEndian.Uint16(raw); {
	case family == unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[4:8])), port), true
	case family == unix.AF_INET6 && len(raw) >= 24:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(raw[8:24])).Unmap(), port), true
	}
	return netip.AddrPort{}, false
}
