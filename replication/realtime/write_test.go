package realtime

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// kinds of connections: those that are asked what they take, and those that can't be.
var kinds = map[string]func(net.Listener) net.Listener{"raw": nil, "wrapped": hide}

// However a client reads, it gets each message whole, once and in order.
func TestAReaderThatStallsGetsAllInOrder(t *testing.T) {
	t.Parallel()
	for name, wrap := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, Config{QueueBytes: 1 << 30, QueueMessages: 1 << 20}, wrap)
			stalling, quick := s.joined("a"), s.joined("a")
			const rounds, each = 12, 20
			var reading sync.WaitGroup
			defer reading.Wait()
			reading.Go(func() { hears(t, quick, 0, rounds*each) })
			for i := range rounds {
				s.say("a", i*each, each, 1<<rand.IntN(18)) // up to 2.6 MB a round
				// It reads a part, so that the connection is full now and then.
				hears(t, stalling, i*each*2/3, (i+1)*each*2/3)
			}
			hears(t, stalling, rounds*each*2/3, rounds*each)
			if s.slow() != 0 {
				t.Error("one who reads counts as slow")
			}
		})
	}
}

// Messages that come faster than we write to a healthy client don't end it.
func TestABurstLongerThanTheQueueEndsNobody(t *testing.T) {
	t.Parallel()
	const room, n = 100, 600
	s := serve(t, Config{QueueMessages: room}, nil)
	conn := s.joined("a")
	c := s.atTurn(1)[0]
	until(t, "the join is written", func() bool { return c.out.length() == 0 })
	c.writer = &writer{pens: &s.pens, running: true} // busy with others
	defer c.writer.run()
	s.say("a", 0, n, 10)
	hears(t, conn, 0, n-room-1)
	if s.slow() != 0 || c.out.length() > room+1 {
		t.Errorf("%d messages wait", c.out.length())
	}
}

// What comes after the answer to a join is live, however late its replay begins.
func TestWhatFollowsAJoinIsNotReplayed(t *testing.T) {
	t.Parallel()
	s := serve(t, Config{}, nil)
	s.say("a", 0, 1, 10)
	s.attendances.mu.Lock() // the join is answered, and goes no further
	goOn := sync.OnceFunc(s.attendances.mu.Unlock)
	defer goOn()
	conn := s.joinedWith("a", `{"config":{"broadcast":{"replay":{"since":"`+s.sent.read().String()+`"}}}}`)
	s.say("a", 1, 1, 10)
	goOn()
	hears(t, conn, 1, 2)
}

// What is said together reaches each in one write, and nothing stays behind.
func TestWhatIsSaidTogetherIsWrittenTogether(t *testing.T) {
	t.Parallel()
	const clients, n, rounds = 20, 10, 20
	s := serve(t, Config{}, nil)
	var conns []*websocket.Conn
	for range clients {
		conns = append(conns, s.joined("a"))
	}
	for round := range rounds {
		until(t, "all is written", func() bool {
			return !slices.Contains(s.writing(), true)
		})
		release := s.hold()
		s.say("a", round*n, n, 10)
		if slices.Contains(s.writing(), true) {
			t.Error("somebody writes before all is said")
		}
		release()
		for _, conn := range conns {
			hears(t, conn, round*n, (round+1)*n)
		}
	}
}

// writing tells of each writer whether it is at work.
func (s *served) writing() (list []bool) {
	for i := range s.writers {
		w := &s.writers[i]
		w.mu.Lock()
		list = append(list, w.running)
		w.mu.Unlock()
	}
	return list
}

func TestOneWhoNeverReadsIsClosedAndNobodyWaits(t *testing.T) {
	t.Parallel()
	for name, wrap := range kinds {
		for what, cfg := range map[string]Config{
			"too much":       {QueueMessages: 20, SlowTimeout: time.Hour},
			"for too long":   {QueueMessages: 1 << 20, QueueBytes: 1 << 30, SlowThreshold: 5, SlowTimeout: 50 * time.Millisecond},
			"too many bytes": {QueueBytes: 1 << 20, SlowTimeout: time.Hour},
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				t.Parallel()
				s := serve(t, cfg, wrap)
				_, quick := s.joined("a"), s.joined("a")
				for i := 0; s.slow() == 0; i++ {
					s.say("a", i, 1, 1<<17)
					hears(t, quick, i, i+1)
				}
				until(t, "it is gone", func() bool { return s.open() == 1 })
			})
		}
	}
}

func TestATooSlowClientThatReadsAtLastIsToldWhy(t *testing.T) {
	t.Parallel()
	s := serve(t, Config{QueueMessages: 20}, nil)
	conn := s.joined("a")
	for i := 0; s.slow() == 0; i++ {
		s.say("a", i, 1, 1<<17)
	}
	if code := closeCode(t, conn); code != closePolicy {
		t.Errorf("it ended with %d, want 1008", code)
	}
	until(t, "it is gone", func() bool { return s.open() == 0 })
}

func TestWhatWaitsIsSentBeforeTheServerGoes(t *testing.T) {
	t.Parallel()
	for name, wrap := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, Config{QueueBytes: 1 << 30}, wrap)
			conn := s.joined("a")
			s.say("a", 0, 50, 1<<17)
			s.mu.Lock()
			for c := range s.clients {
				c.end(closeGoingAway, stopReason)
			}
			s.mu.Unlock()
			hears(t, conn, 0, 50)
			if code := closeCode(t, conn); code != closeGoingAway {
				t.Errorf("it ended with %d, want 1001", code)
			}
			until(t, "it is gone", func() bool { return s.open() == 0 })
		})
	}
}

func TestWhoGivesNoSignOfLifeIsClosed(t *testing.T) {
	t.Parallel()
	s := serve(t, Config{}, nil)
	s.joined("a") // reads no more, and so answers no ping
	silent := s.atTurn(1)[0]
	lively := s.joined("a")
	var reading sync.WaitGroup
	defer reading.Wait()
	reading.Go(func() { hears(t, lively, 0, 1) })
	answering := s.atTurn(2)[0]
	before := answering.seen.Load()
	s.ping(1, time.Now())
	s.ping(2, time.Now())
	until(t, "a ping is answered", func() bool { return answering.seen.Load() > before })
	last := time.Unix(0, silent.seen.Load()).Add(3 * s.cfg.PingInterval)
	s.ping(1, last)
	s.ping(1, last.Add(1))
	s.ping(2, last.Add(1))
	until(t, "the silent one is gone", func() bool { return s.open() == 1 })
	s.say("a", 0, 1, 1)
}

// Joins, leaves, messages and ends of all kinds at once leave nothing behind.
func TestAStormLeavesNothing(t *testing.T) {
	s := serve(t, Config{JoinsPerSecond: 1 << 20, QueueMessages: 50}, nil)
	before, files := runtime.NumGoroutine(), descriptors(t)
	const clients, at = 1000, 20 // in all, at once
	stop := make(chan struct{})
	var saying, storm sync.WaitGroup
	saying.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				s.ping(i%beats, time.Now())
				s.say(strconv.Itoa(i%3), i, 5, 1<<rand.IntN(14))
			}
		}
	})
	for worker := range at {
		storm.Go(func() {
			for i := range clients / at {
				conn := s.dial()
				topic := fmt.Sprint(i % 3)
				for _, event := range []string{"phx_join", "phx_leave", "phx_join"} {
					_ = conn.WriteMessage(websocket.TextMessage, []byte(`["1","1","realtime:`+topic+`","`+event+`",{}]`))
				}
				switch (i + worker) % 4 {
				case 0: // reads a little, and goes politely
					_, _, _ = conn.ReadMessage()
					_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
				case 1: // resets
					_ = conn.NetConn().(*net.TCPConn).SetLinger(0)
				case 2: // says what it must not
					_ = conn.WriteMessage(websocket.TextMessage, []byte("{"))
					_, _, _ = conn.ReadMessage()
				}
				_ = conn.Close()
			}
		})
	}
	storm.Wait()
	close(stop)
	saying.Wait()
	until(t, "all are gone", func() bool { return s.open() == 0 })
	until(t, "goroutines and descriptors are as they were", func() bool {
		return runtime.NumGoroutine() <= before && descriptors(t) <= files
	})
	for i := range s.shards {
		if n := len(s.shards[i].rooms); n != 0 {
			t.Errorf("%d rooms are left", n)
		}
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
