// Package aside answers requests in processes of their own, of lower priority: what takes a core
// for long there holds up nothing here, neither by its threads nor by the garbage that it leaves.
//
// Such a process is a child that reads requests from its standard input, one after another, writes
// their answers to its standard output, and ends when there are no more, as it is when its parent
// ends, in whatever way. An answer must follow from its request alone: if a process was killed, its
// request is sent to another one.
package aside

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// patience is how long an answer may take before its process is taken for stuck: many times what
// it needs, on a machine that is full of others too.
const patience = 30 * time.Second

var errClosed = errors.New("the processes that compute aside have been ended")

// Processes are started as they are needed, one for each request at the same time, and stay.
type Processes struct {
	path      string
	args, env []string

	mu     sync.Mutex
	idle   []*process // the last one was used last: the fewest are in use
	closed bool
}

// New starts the first process. path is the program, which must call Yield and Serve; args begin
// with its name, and env is all of its environment.
func New(path string, args, env []string) (*Processes, error) {
	p := &Processes{path: path, args: args, env: env}
	first, err := p.start()
	if err != nil {
		return nil, err
	}
	p.give(first)
	return p, nil
}

// Compute returns the answer to a request. If the process that has it ends meanwhile, as the kernel
// may choose where memory ends, a new one is asked, once.
func (p *Processes) Compute(request []byte) ([]byte, error) {
	c, err := p.take()
	if err != nil {
		return nil, err
	}
	answer, err := c.ask(request)
	if err != nil {
		var again error
		if c, again = p.start(); again != nil {
			return nil, errors.Join(err, again)
		}
		if answer, err = c.ask(request); err != nil {
			return nil, err
		}
	}
	p.give(c)
	return answer, nil
}

// Close ends the processes, those that compute when they have answered. None is started after it.
func (p *Processes) Close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		_ = c.end()
	}
}

func (p *Processes) take() (*process, error) {
	p.mu.Lock()
	last := len(p.idle) - 1
	if last < 0 {
		p.mu.Unlock()
		return p.start()
	}
	defer p.mu.Unlock()
	c := p.idle[last]
	p.idle = p.idle[:last]
	return c, nil
}

func (p *Processes) give(c *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.end()
		return
	}
	p.idle = append(p.idle, c)
}

// process is one child, which one caller at a time asks.
type process struct {
	cmd *exec.Cmd
	in  io.Writer
	out io.Reader
}

func (p *Processes) start() (*process, error) {
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	c := &process{cmd: &exec.Cmd{Path: p.path, Args: p.args, Env: p.env, Stderr: os.Stderr}}
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if c.out, err = c.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	return c, c.cmd.Start()
}

// ask returns the answer to a request. After an error the process has ended: whatever it would say
// later would be taken for another answer.
func (c *process) ask(request []byte) ([]byte, error) {
	stuck := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
	defer stuck.Stop()
	err := write(c.in, request)
	if err == nil {
		var answer []byte
		if answer, err = read(c.out); err == nil {
			return answer, nil
		}
	}
	return nil, fmt.Errorf("compute in another process: %w; it ended: %w", err, c.end())
}

// end ends the process, in which nobody is interested any more, and returns how it did.
func (c *process) end() error {
	_ = c.cmd.Process.Kill()
	return c.cmd.Wait()
}
