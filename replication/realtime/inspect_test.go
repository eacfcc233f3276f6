package realtime

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluxbase/fluxbase/proxy/web"
)

func getInspect(t *testing.T, h *Hub, path string, header ...string) (*httptest.ResponseRecorder, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, Prefix+path, nil)
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	err := h.Serve(&web.Response{ResponseWriter: w}, r)
	return w, err
}

func TestThePageLoadsWhatIsOursAlone(t *testing.T) {
	t.Parallel()
	h := &Hub{cfg: Config{Inspect: true}}
	files, err := fs.Glob(inspectFiles, "inspect/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	files = append(files, "inspect/page.css", "inspect/chart.js", "inspect/dom.js", "inspect/key.js", "inspect/show.js", "inspect/icon.svg") // shared ones
	elsewhere := regexp.MustCompile(`https?://[^"' ]*|["']//[a-z]+\.[^"' ]*`)
	inline := regexp.MustCompile(`(?i)<script(?:[^>]*)>[^<]|<style|\sstyle=|\son[a-z]+=|innerHTML|javascript:|eval\(`)
	for _, file := range files {
		w, err := getInspect(t, h, "/"+file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		body, header := w.Body.String(), w.Header()
		if header.Get("Content-Type") == "" || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s is of type %q, sniffing %q", file, header.Get("Content-Type"), header.Get("X-Content-Type-Options"))
		}
		for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(header.Get("Content-Security-Policy"), want) {
				t.Errorf("%s: the policy lacks %s: %s", file, want, header.Get("Content-Security-Policy"))
			}
		}
		for _, link := range elsewhere.FindAllString(body, -1) {
			if link != "http://www.w3.org/2000/svg" { // the name of SVG, not fetched
				t.Errorf("%s names another host: %s", file, link)
			}
		}
		if found := inline.FindString(body); found != "" {
			t.Errorf("%s has %q, which the policy forbids or ought to", file, found)
		}
		again, err := getInspect(t, h, "/"+file, "If-None-Match: "+header.Get("Etag"))
		if err != nil || again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s, as it is known: %d, %v", file, again.Code, err)
		}
	}
	if w, err := getInspect(t, h, inspectPath); err != nil || !strings.Contains(w.Body.String(), "<!doctype html>") {
		t.Errorf("the page: %v, %.100s", err, w.Body)
	}
	if w, err := getInspect(t, h, "/inspect/"); err != nil || w.Code != http.StatusPermanentRedirect || w.Header().Get("Location") != "../inspect" {
		t.Errorf("with a slash: %d to %q, %v", w.Code, w.Header().Get("Location"), err)
	}
	for _, missing := range []string{"/inspect/nothing.js", "/inspect/..", "/inspect/../inspect.go", "/inspect//index.html", "/inspect/%69ndex.html"} {
		if w, err := getInspect(t, h, missing); !errors.Is(err, web.NotFound) {
			t.Errorf("%s: %v, %.100s; want no such path", missing, err, w.Body)
		}
	}
	for _, off := range []string{inspectPath, "/inspect/main.js", "/inspect/figures"} {
		if _, err := getInspect(t, &Hub{}, off); web.AsError(err).Status != http.StatusNotFound {
			t.Errorf("%s where it is switched off: %v, want 404", off, err)
		}
	}
}

// newInspector counts what it collects.
func newInspector(collected *atomic.Int64) *inspector {
	return &inspector{
		collect: func() []byte { return fmt.Appendf(nil, "%d\n", collected.Add(1)) },
		refresh: func(ctx context.Context) { <-ctx.Done() },
	}
}

func mustJoin(t *testing.T, i *inspector) chan []byte {
	t.Helper()
	lines, err := i.join()
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestFiguresAreCollectedOnceForAllAndOnlyWhileSomebodyWatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var collected atomic.Int64
		i := newInspector(&collected)
		one := mustJoin(t, i)
		<-one // at once
		read := int64(1)
		two := mustJoin(t, i)
		for range 9 {
			if a, b := string(<-one), string(<-two); a != b {
				t.Fatalf("two viewers got %q and %q", a, b)
			}
			read++
		}
		if collected.Load() != read {
			t.Errorf("collected %d times for %d lines", collected.Load(), read)
		}
		// One that does not read is left out, and holds nobody up.
		time.Sleep(5500 * time.Millisecond)
		if got := string(<-two); got != "11\n" {
			t.Errorf("the slow viewer goes on with %q, want the first that was not read", got)
		}
		i.leave(one)
		i.leave(two)
		i.running.Wait() // nothing runs on
		before := collected.Load()
		time.Sleep(time.Minute)
		if n := collected.Load() - before; n > 0 {
			t.Errorf("collected %d times with nobody there", n)
		}
		three := mustJoin(t, i)
		<-three
		i.leave(three)
		i.running.Wait()
	})
}

func TestViewersAreFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newInspector(new(atomic.Int64))
		var viewers []chan []byte
		for range maxViewers {
			viewers = append(viewers, mustJoin(t, i))
		}
		if _, err := i.join(); err != errManyViewers {
			t.Errorf("one more: %v", err)
		}
		i.leave(viewers[0])
		viewers[0] = mustJoin(t, i)
		i.close()
		for _, lines := range viewers {
			for range lines { // ends
			}
			i.leave(lines)
		}
		if _, err := i.join(); err != errStopping {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestTheFullestChannels(t *testing.T) {
	t.Parallel()
	h := &Hub{seed: maphash.MakeSeed()}
	for i := range h.shards {
		h.shards[i].rooms = map[room]map[*channel]struct{}{}
	}
	join := func(topic string, private bool, bindings, times int) {
		r := room{topic, private}
		members := map[*channel]struct{}{}
		for range times {
			members[&channel{room: r, bindings: make([]*binding, bindings)}] = struct{}{}
		}
		h.shard(r).rooms[r] = members
	}
	join("lab", false, 2, 3)
	join("lab", true, 0, 3)
	join("attic", false, 0, 3)
	join("hall", true, 1, 5)
	for i := range 1000 {
		join(fmt.Sprint("room ", 1000+i), false, 0, 1)
	}
	total, top := h.fullest(5)
	want := []roomFigure{{"hall", true, 5, 5}, {"attic", false, 3, 0}, {"lab", false, 3, 6}, {"lab", true, 3, 0}, {"room 1000", false, 1, 0}}
	if total != 1004 || !slices.Equal(top, want) {
		t.Errorf("of %d: %v\nwant 1004: %v", total, top, want)
	}
	if _, all := h.fullest(2000); len(all) != 1004 {
		t.Errorf("%d of all", len(all))
	}
}
