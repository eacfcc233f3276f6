package tests

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

func TestInspectInChromium(t *testing.T) {
	t.Parallel()
	s := startRealtime(t, realtimeDB(t, "changes.sql"), "one")
	runNode(t, s, "inspect.test.mjs", "FLUXBASE_TEST_URL_2="+s.URL, "FLUXBASE_TEST_CHROMIUM="+chromium(t))
	noServerErrors(t, s)
}

// watchFigures opens the stream of figures; close ends it.
func watchFigures(t *testing.T, s *server, key string) (resp *http.Response, lines *bufio.Scanner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/realtime/v1/inspect/figures", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Apikey", key)
	if resp, err = http.DefaultClient.Do(req); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	lines = bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	return resp, lines
}

func TestInspectFigures(t *testing.T) {
	t.Parallel()
	s := startRealtime(t, dbtest.New(t), "one")
	service := signToken(t, map[string]any{"role": "service_role"})
	for _, tt := range []struct {
		name, header string
		status       int
		code         string
	}{
		{"no key", "Accept: */*", 401, "unauthorized"},
		{"no key of ours", "Apikey: a.b.c", 401, "PGRST301"},
		{"no token", "Authorization: Bearer abc", 401, "PGRST301"},
		{"an old key", "Apikey: " + signToken(t, map[string]any{"role": "service_role", "exp": 1}), 401, "PGRST303"},
		{"an app's key", "Apikey: " + anonToken(t), 403, "forbidden"},
		{"a user", "Authorization: Bearer " + userToken(t, ada), 403, "forbidden"},
		{"the key in the address alone", "Accept: */*", 401, "unauthorized"},
	} {
		a := s.call(t, "GET", "/realtime/v1/inspect/figures?apikey="+service, "", tt.header)
		var e struct{ Code, Message string }
		if err := json.Unmarshal([]byte(a.Body), &e); err != nil || a.Status != tt.status || e.Code != tt.code || e.Message == "" {
			t.Errorf("%s: got %d %s, want %d with %s", tt.name, a.Status, a.Body, tt.status, tt.code)
		}
	}
	if a := s.call(t, "POST", "/realtime/v1/inspect/figures", "", "Apikey: "+service); a.Status != 405 || a.Header.Get("Allow") != "GET" {
		t.Errorf("POST: %d, %v", a.Status, a.Header)
	}

	client := openSocket(t, s)
	client.write(joinTopic("lab"))
	client.expect("phx_reply", "ok")
	resp, lines := watchFigures(t, s, service)
	if h := resp.Header; resp.StatusCode != 200 || h.Get("Content-Type") != "application/x-ndjson" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d, %v", resp.StatusCode, h)
	}
	// The slots are asked for beside, and so may come a line later.
	for slots := ""; slots == "" && lines.Scan(); {
		var f struct {
			Stream   struct{ Phase string }
			Rooms    int
			Channels []struct {
				Topic       string
				Subscribers int
			}
			Slots   struct{ Rows []struct{ Slot string } }
			Metrics []struct {
				Name   string
				Series []struct{ Value float64 }
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		metrics := map[string]float64{}
		for _, m := range f.Metrics {
			metrics[m.Name] += m.Series[0].Value
		}
		if f.Stream.Phase != "streaming" || f.Rooms != 1 || len(f.Channels) != 1 || f.Channels[0].Topic != "lab" || f.Channels[0].Subscribers != 1 ||
			metrics["fluxbase_realtime_connections"] != 1 || metrics["process_resident_memory_bytes"] == 0 || metrics["fluxbase_changes_up"] != 1 {
			t.Fatalf("figures of one client in one channel: %s", lines.Bytes())
		}
		for _, r := range f.Slots.Rows {
			slots += r.Slot
		}
		if strings.Contains(lines.Text(), "fluxbase_http") {
			t.Error("metrics that are none of realtime's")
		}
	}

	for range 15 {
		if more, _ := watchFigures(t, s, service); more.StatusCode != 200 {
			t.Fatalf("a viewer more: %d", more.StatusCode)
		}
	}
	if a := s.call(t, "GET", "/realtime/v1/inspect/figures", "", "Apikey: "+service); a.Status != 429 {
		t.Errorf("the seventeenth: %d %s, want 429", a.Status, a.Body)
	}
	_ = resp.Body.Close()
	eventually(t, "who goes makes room", func() bool {
		again, _ := watchFigures(t, s, service)
		return again.StatusCode == 200
	})
	noServerErrors(t, s)
	s.stop(t) // with viewers, which must not hold it up
}
