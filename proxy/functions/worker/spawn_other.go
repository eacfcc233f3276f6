//go:build !linux

package worker

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"syscall"
)

// spawner starts processes. Only Linux can guard and bound them; elsewhere functions are for
// development.
type spawner struct{ guarded bool }

func newSpawner(func(netip.AddrPort, bool) bool, *slog.Logger) (*spawner, error) {
	return &spawner{}, errors.New("only Linux has it")
}

func (s *spawner) close() {}

func (s *spawner) start(argv, env []string, dir string, _ int, files [3]*os.File) (*os.Process, error) {
	return os.StartProcess(argv[0], argv, &os.ProcAttr{Dir: dir, Env: env, Files: files[:], Sys: &syscall.SysProcAttr{Setpgid: true}})
}

func as(_ int, do func() error) error { return do() }
func bound(int) error                 { return nil }
func boundMemory(int, int64) error    { return nil }
func ended(int)                       {}
func cpuTime(int) int64               { return 0 }

func look(*os.File) (usage, error)    { return usage{}, errors.New("only Linux has /proc") }
func openUsage(int) (*os.File, error) { return nil, nil }
