package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// person is a user and a client of auth, with one connection of HTTP/1.1: no more work
// than there has to be on the cores of those who are measured.
type person struct {
	conn                 net.Conn
	answers              *bufio.Reader
	host, email          string
	address              string // as the balancer says
	access, refreshToken string
}

func (a *authBench) person(i int) (*person, error) {
	host := strings.TrimPrefix(a.base, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	return &person{
		conn: conn, answers: bufio.NewReaderSize(conn, 8192), host: host,
		email: fmt.Sprintf("user%d@load.test", i+1), address: fmt.Sprintf("10.0.%d.%d", i/250, i%250+1),
	}, nil
}

// ask makes a request and wants 200.
func (p *person) ask(method, path, body string) ([]byte, error) {
	authorization := ""
	if method == http.MethodGet {
		authorization = "Authorization: Bearer " + p.access + "\r\n"
	}
	_, err := fmt.Fprintf(p.conn, "%s %s HTTP/1.1\r\nHost: %s\r\nX-Forwarded-For: %s\r\nUser-Agent: load\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		method, path, p.host, p.address, authorization, len(body), body)
	if err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(p.answers, nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s\n%s", method, path, res.Status, text)
	}
	return text, err
}

func (p *person) signIn() error {
	return p.enter("password", `{"email":"`+p.email+`","password":"`+authPassword+`"}`)
}

func (p *person) refresh() error {
	return p.enter("refresh_token", `{"refresh_token":"`+p.refreshToken+`"}`)
}

// enter takes a session, and of it the tokens: to decode all of it would cost as much as
// to answer it.
func (p *person) enter(grant, body string) error {
	text, err := p.ask(http.MethodPost, "/auth/v1/token?grant_type="+grant, body)
	if err != nil {
		return err
	}
	for name, field := range map[string]*string{"access_token": &p.access, "refresh_token": &p.refreshToken} {
		_, rest, _ := bytes.Cut(text, []byte(`"`+name+`":"`))
		value, _, found := bytes.Cut(rest, []byte(`"`))
		if !found {
			return fmt.Errorf("a session without %s: %s", name, text)
		}
		*field = string(value)
	}
	return nil
}

func (p *person) readUser() error {
	_, err := p.ask(http.MethodGet, "/auth/v1/user", "")
	return err
}

func (p *person) readRow() error {
	text, err := p.ask(http.MethodGet, "/rest/v1/profiles?select=name", "")
	if err == nil && string(text) != `[{"name":"somebody"}]` {
		err = fmt.Errorf("got %s, want the own profile", text)
	}
	return err
}

// eachOf runs n at once and gives what failed.
func eachOf(n int, do func(i int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = do(i) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// crowded has people ask as often as they can for a time, and for as long as the last of
// them wait after it.
func (a *authBench) crowded(ctx context.Context, people []*person, seconds int, ask func(*person) error) (sample, error) {
	var mu sync.Mutex
	var took []time.Duration
	server, database, start := ticks(family(a.server.Process.Pid)), a.databaseTicks(), time.Now()
	err := eachOf(len(people), func(i int) error {
		for time.Since(start) < time.Duration(seconds)*time.Second && ctx.Err() == nil {
			began := time.Now()
			if err := ask(people[i]); err != nil {
				return err
			}
			mu.Lock()
			took = append(took, time.Since(began))
			mu.Unlock()
		}
		return ctx.Err()
	})
	const tick = 10_000 // microseconds: USER_HZ is 100
	s, each := percentiles(took), tick/float64(len(took))
	s.rps = float64(len(took)) / time.Since(start).Seconds()
	s.server = float64(ticks(family(a.server.Process.Pid))-server) * each
	s.database = float64(a.databaseTicks()-database) * each
	return s, err
}

// while runs do as people sign in again and again, from when all have begun to.
func (a *authBench) while(ctx context.Context, crowd []*person, do func() error) error {
	var done atomic.Bool
	ended := make(chan error, 1)
	go func() {
		ended <- eachOf(len(crowd), func(i int) error {
			for !done.Load() && ctx.Err() == nil {
				if err := crowd[i].signIn(); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	err := do()
	done.Store(true)
	return errors.Join(err, <-ended)
}

// forgetPeak has the kernel count VmHWM, the most memory of a process, anew (proc(5)).
func forgetPeak(pid int) error {
	return os.WriteFile("/proc/"+strconv.Itoa(pid)+"/clear_refs", []byte("5"), 0)
}
