package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// crowd is many clients of realtime, each joined to one channel.
type crowd struct {
	conns []*websocket.Conn
	// got counts the messages of all.
	got     atomic.Int64
	reading sync.WaitGroup
}

// connect opens a WebSocket as the holder of a token and joins a topic.
func connect(base, token, topic, config string) (*websocket.Conn, error) {
	dialer := websocket.Dialer{ReadBufferSize: 4096, WriteBufferSize: 512, HandshakeTimeout: 20 * time.Second}
	url := "ws" + strings.TrimPrefix(base, "http") + "/realtime/v1/websocket?vsn=2.0.0&apikey=" + token
	conn, resp, err := dialer.Dial(url, nil)
	if err != nil {
		if resp != nil {
			err = fmt.Errorf("%w: %s", err, resp.Status)
		}
		return nil, err
	}
	join := `["1","1","realtime:` + topic + `","phx_join",{"config":` + config + `}]`
	if err := conn.WriteMessage(websocket.TextMessage, []byte(join)); err != nil {
		return nil, err
	}
	_, reply, err := conn.ReadMessage()
	if err == nil && !bytes.Contains(reply, []byte(`"status":"ok"`)) {
		err = fmt.Errorf("the join was answered with %s", reply)
	}
	return conn, err
}

// grow adds clients, which open connects by their numbers, until there are n.
func (c *crowd) grow(ctx context.Context, n int, open func(i int) (*websocket.Conn, error)) error {
	const atOnce = 16
	var mu sync.Mutex
	var failed error
	var connecting sync.WaitGroup
	missing := make(chan int, n)
	for i := len(c.conns); i < n; i++ {
		missing <- i
	}
	close(missing)
	for range atOnce {
		connecting.Go(func() {
			for i := range missing {
				conn, err := open(i)
				mu.Lock()
				if err != nil || ctx.Err() != nil {
					failed = errors.Join(err, ctx.Err())
					mu.Unlock()
					return
				}
				c.conns = append(c.conns, conn)
				mu.Unlock()
				c.reading.Go(func() { c.read(conn) })
			}
		})
	}
	connecting.Wait()
	return failed
}

func (c *crowd) read(conn *websocket.Conn) {
	for {
		_, r, err := conn.NextReader()
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			return
		}
		c.got.Add(1)
	}
}

// await waits until all have got as many messages together.
func (c *crowd) await(ctx context.Context, got int64) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for c.got.Load() < got {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d messages have come: %w", c.got.Load(), got, ctx.Err())
		case <-time.After(200 * time.Microsecond):
		}
	}
	return nil
}

func (c *crowd) close() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.reading.Wait()
}

// broadcast sends messages of one topic over HTTP.
func broadcast(ctx context.Context, base, token, topic string, n int, payload string) error {
	type message struct {
		Topic   string          `json:"topic"`
		Event   string          `json:"event"`
		Payload json.RawMessage `json:"payload"`
	}
	var body struct {
		Messages []message `json:"messages"`
	}
	for range n {
		body.Messages = append(body.Messages, message{topic, "load", json.RawMessage(payload)})
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/realtime/v1/api/broadcast", bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Apikey", token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusAccepted {
		return errors.Join(err, fmt.Errorf("a broadcast was answered with %s", resp.Status))
	}
	return nil
}
