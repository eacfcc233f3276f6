// Package aside answers requests in processes of their own, of lower priority: what takes a core
// for long there holds up nothing here, neither by its threads nor by the garbage that it leaves.
//
// They have what the others on the machine leave of its cores. Where that is too little for an
// answer in time, other processes are asked for a while, which have a share as everybody has.
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
	"slices"
	"sync"
	"time"
)

const (
	// patience is how long an answer may take before its process is taken for stuck: many times
	// what it needs, on a machine that is full of others too.
	patience = 30 * time.Second
	// late is how long one of what others leave may take: several times what it needs there.
	late = 250 * time.Millisecond
	// full is how long a machine is taken for full of others after one was late.
	full = time.Minute
)

// priority is how a process stands to the others of the machine. Yield finds it in its environment.
type priority string

const (
	priorityName          = "ASIDE_PRIORITY"
	leftovers    priority = "leftovers" // it runs where nobody else wants to
	share        priority = "share"     // it has a share where others want to run
)

var (
	errClosed = errors.New("the processes that compute aside have been ended")
	errLate   = errors.New("it took too long")
)

// Processes are started as they are needed, one for each request at the same time, and stay.
type Processes struct {
	path      string
	args, env []string
	late      time.Duration

	mu     sync.Mutex
	idle   map[priority][]*process // the last one was used last: the fewest are in use
	shares time.Time               // until when the machine is taken for full
	closed bool
}

// New starts the first process. path is the program, which must call Yield and Serve; args begin
// with its name, and env is all of its environment, but for what Yield needs.
func New(path string, args, env []string) (*Processes, error) {
	p := &Processes{path: path, args: args, env: env, late: late, idle: map[priority][]*process{}}
	first, err := p.start(leftovers)
	if err != nil {
		return nil, err
	}
	p.give(first)
	return p, nil
}

// Compute returns the answer to a request. If the process that has it ends meanwhile, as the kernel
// may choose where memory ends, a new one is asked, once.
func (p *Processes) Compute(request []byte) ([]byte, error) {
	if !p.isFull() {
		answer, err := p.compute(request, leftovers, p.late)
		if !errors.Is(err, errLate) {
			return answer, err
		}
		p.foundFull()
	}
	return p.compute(request, share, patience)
}

func (p *Processes) compute(request []byte, of priority, within time.Duration) ([]byte, error) {
	c, err := p.take(of)
	if err != nil {
		return nil, err
	}
	answer, err := c.ask(request, within)
	if err != nil && !errors.Is(err, errLate) {
		var again error
		if c, again = p.start(of); again != nil {
			return nil, errors.Join(err, again)
		}
		answer, err = c.ask(request, within)
	}
	if err != nil {
		return nil, err
	}
	p.give(c)
	return answer, nil
}

func (p *Processes) isFull() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Before(p.shares)
}

func (p *Processes) foundFull() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shares = time.Now().Add(full)
}

// Close ends the processes, those that compute when they have answered. None is started after it.
func (p *Processes) Close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, all := range idle {
		for _, c := range all {
			_ = c.end()
		}
	}
}

func (p *Processes) take(of priority) (*process, error) {
	p.mu.Lock()
	all := p.idle[of]
	last := len(all) - 1
	if last < 0 {
		p.mu.Unlock()
		return p.start(of)
	}
	defer p.mu.Unlock()
	p.idle[of] = all[:last]
	return all[last], nil
}

func (p *Processes) give(c *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.end()
		return
	}
	p.idle[c.priority] = append(p.idle[c.priority], c)
}

// process is one child, which one caller at a time asks.
type process struct {
	priority priority
	cmd      *exec.Cmd
	in       io.Writer
	out      io.Reader
}

func (p *Processes) start(of priority) (*process, error) {
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	env := append(slices.Clone(p.env), priorityName+"="+string(of))
	c := &process{priority: of, cmd: &exec.Cmd{Path: p.path, Args: p.args, Env: env, Stderr: os.Stderr}}
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if c.out, err = c.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	return c, c.cmd.Start()
}

// ask returns the answer to a request; errLate if it has none within a time. After an error the
// process has ended: whatever it would say later would be taken for another answer.
func (c *process) ask(request []byte, within time.Duration) ([]byte, error) {
	stuck := time.AfterFunc(within, func() { _ = c.cmd.Process.Kill() })
	err := write(c.in, request)
	var answer []byte
	if err == nil {
		answer, err = read(c.out)
	}
	if !stuck.Stop() {
		err = errLate // what it wrote is all that it will
	}
	if err != nil {
		return nil, fmt.Errorf("compute in another process: %w; it ended: %w", err, c.end())
	}
	return answer, nil
}

// end ends the process, in which nobody is interested any more, and returns how it did.
func (c *process) end() error {
	_ = c.cmd.Process.Kill()
	return c.cmd.Wait()
}
