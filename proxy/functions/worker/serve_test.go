package worker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestFunctionsAnswer(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{Modules: map[string][]byte{"npm:greeting@1": []byte(`export default "hi ";`)}}, map[string]string{
		"hello": `import greeting from "npm:greeting@1";
			console.log("loading");
			Deno.serve(async (req) => {
				console.log("asked\nfor \\", { a: 1 });
				Deno.stdout.writeSync(new TextEncoder().encode("past the console"));
				return new Response(greeting + req.method + " " + req.url + " " + await req.text() + " " + req.headers.get("x-relay-error"),
					{ status: 201, headers: { "x-own": "yes", "x-relay-error": "true" } });
			});`,
		"fetch": `export default { fetch: (req) => Response.json(Object.keys(Deno.env.toObject())) };`,
		"env":   `Deno.serve(() => new Response(Deno.env.get("SECRET") + " " + process.env.SECRET + Object.keys(Deno.env.toObject()).sort()));`,
		"error": `Deno.serve({ onError: (e) => new Response("own " + e.message, { status: 418 }) }, () => { throw new Error("x"); });`,
	})
	b.specs["env"].Env = []string{"SECRET=a=b\n\"c"}
	res, err := http.Post(b.URL+"/hello/a/b?c=d&e=%20", "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if want := "hi POST " + b.URL + "/hello/a/b?c=d&e=%20 body null"; string(body) != want || res.StatusCode != 201 || res.Header.Get("X-Own") != "yes" || res.Header.Get("X-Relay-Error") != "" {
		t.Errorf("got %d %q %v, want %q", res.StatusCode, body, res.Header, want)
	}
	eventually(t, "its lines are there", func() bool {
		said := b.said()
		return strings.Contains(said, "info loading\n") && strings.Contains(said, "info asked\nfor \\ { a: 1 }") && strings.Contains(said, "info past the console")
	})
	b.want("/fetch", 200, `["RES_OPTIONS"]`)
	b.want("/env", 200, "a=b\n\"c a=b\n\"cRES_OPTIONS,SECRET")
	b.want("/error", 418, "own x")
}

func TestACrashIsItsOwnRequestsAlone(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, map[string]string{
		"throw":  `Deno.serve(() => { throw new Error("secret reason"); });`,
		"none":   `Deno.serve(() => 1);`,
		"exit":   `Deno.serve((r) => r.url.endsWith("now") ? Deno.exit(0) : new Response("alive"));`,
		"boot":   `throw new Error("not today");`,
		"syntax": `Deno.serve(() => {`,
		"deaf":   `console.log("no server");`,
		"remote": `import "https://example.com/x.js"; Deno.serve(() => new Response("x"));`,
		"reject": `Deno.serve((r) => { Promise.reject(new Error("nobody catches this")); setTimeout(() => { throw new Error("nor this"); }, 1); return new Response("answered"); });`,
		"during": `Deno.serve(() => new Response(new ReadableStream({ async start(c) {
			c.enqueue(new TextEncoder().encode("begun")); await new Promise((r) => setTimeout(r, 50)); Deno.exit(1); } })));`,
	})
	b.want("/throw", 500, `{"code":"WORKER_ERROR","message":"Function exited due to an error (please check logs)","request_id":"req-1"}`)
	if out := b.last(); out.Kind != Error || out.Status != 500 {
		t.Errorf("got %+v", out)
	}
	b.want("/none", 500, "WORKER_ERROR")
	b.want("/exit", 200, "alive")
	b.want("/exit/now", 500, "WORKER_ERROR")
	if out := b.last(); out.Kind != Crashed {
		t.Errorf("got %+v", out)
	}
	b.want("/exit", 200, "alive")
	for _, name := range []string{"boot", "syntax", "deaf", "remote"} {
		b.want("/"+name, 503, `"code":"BOOT_ERROR"`)
		if out := b.last(); out.Kind != BootError || out.Status != 503 {
			t.Errorf("%s: got %+v", name, out)
		}
	}
	for range 3 {
		b.want("/reject", 200, "answered")
	}
	if n := b.Pool.Stats().Started; n > 10 {
		t.Errorf("%d workers were started for nine functions", n)
	}
	for _, text := range []string{"error Error: secret reason", "not today", "nobody catches this", "nor this", "calls no Deno.serve"} {
		eventually(t, "the log has "+text, func() bool { return strings.Contains(b.said(), text) })
	}
	res, err := http.Get(b.URL + "/during")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err == nil || string(body) != "begun" {
		t.Errorf("an answer that broke off: got %q, %v", body, err)
	}
	eventually(t, "it is known", func() bool { return b.last().Broken && b.last().Kind == Crashed })
}

// The next request comes as soon as the answer that tells of the crash.
func TestWhoAsksAfterACrashGetsAnotherWorker(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, map[string]string{
		"exit": `Deno.serve((r) => r.url.endsWith("now") ? Deno.exit(0) : new Response("alive"));`,
	})
	for range 20 {
		b.want("/exit", 200, "alive")
		b.want("/exit/now", 500, "WORKER_ERROR")
	}
}

func TestRequestsOfAWorkerRunAtOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, nil)
	// Each waits for the other, so that neither would end alone.
	b.deploy("pair", `let wait = []; Deno.serve(async () => {
		await new Promise((r) => { wait.push(r); if (wait.length === 2) { for (const w of wait) w(); wait = []; } });
		return new Response("both");
	});`, Limits{Workers: 1, Wall: 20 * time.Second})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { b.want("/pair", 200, "both") })
	}
	wg.Wait()
}

func TestLimitsOfTimeAndSize(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, nil)
	b.deploy("slow", `Deno.serve((r) => new Promise((done) => { console.log("it begins"); r.signal.addEventListener("abort", () => console.log("heard of it")); if (r.url.endsWith("quick")) done(new Response("quick")); }));`, Limits{Wall: 1500 * time.Millisecond, Request: 10})
	eventually(t, "a worker is warm", func() bool { status, _ := b.get("/slow/quick"); return status == 200 })
	b.want("/slow", StatusLimit, "WORKER_LIMIT")
	if out := b.last(); out.Kind != Timeout {
		t.Errorf("got %+v", out)
	}
	eventually(t, "the function heard of it, and its worker ended", func() bool {
		return strings.Contains(b.said(), "heard of it") && b.Pool.Stats().Workers == b.Pool.Stats().Spares
	})
	for _, chunked := range []bool{false, true} {
		var body io.Reader = strings.NewReader("12345678901")
		if chunked {
			body = io.MultiReader(body)
		}
		res, err := http.Post(b.URL+"/slow", "text/plain", body)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("chunked %v: got %d", chunked, res.StatusCode)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	begun := strings.Count(b.said(), "it begins")
	go func() {
		for strings.Count(b.said(), "it begins") == begun && t.Context().Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, b.URL+"/slow", nil)
	if _, err := http.DefaultClient.Do(r); err == nil {
		t.Error("it answered")
	}
	eventually(t, "that it was given up is known", func() bool { return b.last().Kind == Aborted })
	eventually(t, "the function heard of it too", func() bool { return strings.Count(b.said(), "heard of it") >= 2 })
}

func TestStreamsGoBothWays(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, map[string]string{
		"echo": `Deno.serve((r) => new Response(r.body.pipeThrough(new TextDecoderStream()).pipeThrough(new TransformStream({ transform: (s, c) => c.enqueue(s.toUpperCase()) })).pipeThrough(new TextEncoderStream())));`,
		"ws":   `Deno.serve((r) => { const { socket, response } = Deno.upgradeWebSocket(r); socket.onmessage = (e) => socket.send("got " + e.data); return response; });`,
	})
	out, in := io.Pipe()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, b.URL+"/echo", out)
	said := make(chan *http.Response)
	go func() {
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
		}
		said <- res
	}()
	_, _ = io.WriteString(in, "one\n")
	res := <-said
	if res == nil {
		return
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewReader(res.Body)
	for _, word := range []string{"one\n", "two\n", "three\n"} {
		if word != "one\n" {
			_, _ = io.WriteString(in, word)
		}
		if line, err := lines.ReadString('\n'); line != strings.ToUpper(word) || err != nil {
			t.Fatalf("got %q, %v", line, err)
		}
	}
	_ = in.Close()

	socket, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(b.URL, "http")+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		_ = socket.WriteMessage(websocket.TextMessage, fmt.Append(nil, i))
		if _, message, err := socket.ReadMessage(); err != nil || string(message) != fmt.Sprint("got ", i) {
			t.Errorf("got %q, %v", message, err)
		}
	}
	_ = socket.Close()
	eventually(t, "the end of the socket is known", func() bool { return b.last().Status == http.StatusSwitchingProtocols })
}

func TestWhatIsWaitedForKeepsTheWorker(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, nil)
	b.deploy("later", `Deno.serve(() => {
		EdgeRuntime.progress({ percent: 50 });
		EdgeRuntime.waitUntil(new Promise((r) => setTimeout(r, 300)).then(() => console.log("done later")));
		return new Response("at once");
	});`, Limits{}).Oneshot = true
	b.want("/later", 200, "at once")
	if b.Pool.Stats().Busy != 0 {
		t.Error("it still counts as a request")
	}
	eventually(t, "it went on", func() bool { return strings.Contains(b.said(), "done later") })
	if !strings.Contains(b.said(), `progress {"percent":50}`) {
		t.Errorf("no progress: %s", b.said())
	}
}

func TestFloodsOfLines(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, map[string]string{
		"flood": `Deno.serve(() => { for (let i = 0; i < 5000; i++) console.log("line " + i); return new Response("done"); });`,
		"long":  `Deno.serve(() => { console.log("ä".repeat(100000)); return new Response("done"); });`,
		"raw":   `import fs from "node:fs"; Deno.serve(() => { for (const s of ["\x01l \n", "\x01zzz\n", "\x01x  oops\n", "\x01d inv\n", "plain\n", "\x00\xff"]) try { fs.writeSync(1, s); } catch {} return new Response("done"); });`,
	})
	b.want("/flood", 200, "done")
	eventually(t, "the log ends", func() bool { return strings.Contains(b.said(), "what follows is dropped") })
	if n := strings.Count(b.said(), "line "); n != maxLines {
		t.Errorf("%d lines were kept", n)
	}
	b.want("/long", 200, "done")
	eventually(t, "the long line is there, cut", func() bool {
		i := strings.Index(b.said(), "ää")
		return i >= 0 && len(b.said()[i:]) <= maxLine+len("info ")
	})
	b.want("/raw", 200, "done")
	b.want("/raw", 200, "done")
}
