package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// What Postgres makes of a signal to its postmaster (postgres reference, "postgres").
const (
	sigFast      = syscall.SIGINT  // end the sessions, write a checkpoint, stop
	sigImmediate = syscall.SIGQUIT // stop now, recover later
	sigKill      = syscall.SIGKILL
)

// process is a postmaster: one we started, or one we found running.
type process interface {
	pid() int
	done() <-chan struct{}
	signal(sig syscall.Signal)
}

// child is a postmaster that we started.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// startChild starts cmd and waits for its end. Linux sends the child the signal
// of a fast shutdown when the thread that started it ends, which is why that
// thread is kept for it: so Postgres doesn't outlive us, whatever kills us.
func startChild(cmd *exec.Cmd) (*child, error) {
	dieWithParent(cmd.SysProcAttr)
	c := &child{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // its end is in cmd.ProcessState
			close(c.ended)
		}
	}()
	return c, <-started
}

func (c *child) pid() int                  { return c.cmd.Process.Pid }
func (c *child) done() <-chan struct{}     { return c.ended }
func (c *child) signal(sig syscall.Signal) { _ = c.cmd.Process.Signal(sig) }

// state says how it ended; only after done.
func (c *child) state() string { return c.cmd.ProcessState.String() }

// orphan is a postmaster that outlived whoever started it.
type orphan struct {
	id   int
	data string
	once sync.Once
	end  chan struct{}
}

func (o *orphan) pid() int                  { return o.id }
func (o *orphan) signal(sig syscall.Signal) { _ = syscall.Kill(o.id, sig) }

// done polls: only a parent is told of an end.
func (o *orphan) done() <-chan struct{} {
	o.once.Do(func() {
		o.end = make(chan struct{})
		go func() {
			for runsIn(o.id, o.data) {
				time.Sleep(pollEvery)
			}
			close(o.end)
		}()
	})
	return o.end
}

// postmaster is what postmaster.pid says (its lines are listed in Postgres's
// source, miscadmin.h, LOCK_FILE_LINE_…).
type postmaster struct {
	pid, port int
	status    string
}

func readPostmaster(data string) (postmaster, bool) {
	b, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return postmaster{}, false
	}
	lines := strings.Split(string(b), "\n")
	var p postmaster
	p.pid, err = strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || p.pid <= 0 {
		return postmaster{}, false
	}
	if len(lines) >= 4 {
		p.port, _ = strconv.Atoi(strings.TrimSpace(lines[3]))
	}
	if len(lines) >= 8 {
		p.status = strings.TrimSpace(lines[7])
	}
	return p, true
}

// adopt takes over a postmaster that runs on our data, waiting while it starts or
// stops. It removes a postmaster.pid whose process is gone: Postgres does that
// too, but takes any process of our user that got the same id for its own.
// Sessions still alive are found by Postgres through their shared memory.
func (c *Cluster) adopt(ctx context.Context, say func(string)) (bool, error) {
	deadline := time.Now().Add(patience)
	for told := false; ; told = true {
		p, ok := readPostmaster(c.data)
		if !ok || !runsIn(p.pid, c.data) {
			err := os.Remove(filepath.Join(c.data, "postmaster.pid"))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return false, fmt.Errorf("remove what a killed Postgres left: %w", err)
			}
			return false, nil
		}
		if p.status == "ready" {
			say(fmt.Sprintf("taking over the Postgres that is still running (process %d)", p.pid))
			c.port, c.proc = p.port, &orphan{id: p.pid, data: c.data}
			return true, nil
		}
		if !told {
			say(fmt.Sprintf("waiting for an earlier Postgres (process %d), which is %s", p.pid, p.status))
		}
		if time.Now().After(deadline) {
			return false, fmt.Errorf("an earlier Postgres (process %d) is %s since %s; end it with: kill -QUIT %d", p.pid, p.status, patience, p.pid)
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}
