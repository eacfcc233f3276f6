package worker

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestABombOfMemoryEndsItsWorkerAlone(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]string{
		"buffers": `const kept = []; for (;;) { kept.push(new Uint8Array(16 << 20).fill(1)); await new Promise((r) => setTimeout(r, 1)); }`,
		"heap":    `const kept = []; for (;;) { kept.push(new Array(1000).fill({})); }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, Options{Spares: 1}, map[string]string{
				"bomb": `Deno.serve(async () => { ` + code + ` });`, "other": `Deno.serve(() => new Response("fine"));`,
			})
			b.want("/other", 200, "fine")
			status, body := b.get("/bomb")
			out := b.last()
			// What is not allocated is an error that the function may catch.
			if status != StatusLimit && status != 500 || !strings.Contains(body, `"code":"WORKER_`) || !strings.Contains(body, `"request_id":"req-1"`) {
				t.Errorf("got %d %s", status, body)
			}
			if out.MemoryPeak > defaultMemory+slack {
				t.Errorf("it had %d MiB", out.MemoryPeak/mib)
			}
			b.want("/other", 200, "fine")
			t.Log(status, body, out, b.Pool.Stats().Killed)
		})
	}
}

func TestAnInfiniteLoopEndsItsWorkerAlone(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{Spares: 1}, map[string]string{"other": `Deno.serve(() => new Response("fine"));`})
	b.deploy("loop", `Deno.serve((r) => { if (r.url.endsWith("on")) for (;;); return new Response("fine"); });`, Limits{CPU: 300 * time.Millisecond})
	b.want("/other", 200, "fine")
	b.want("/loop/on", StatusLimit, `"WORKER_LIMIT"`)
	if out := b.last(); out.Kind != CPU || out.CPU < 300*time.Millisecond {
		t.Errorf("got %+v", out)
	}
	b.want("/loop", 200, "fine")
	b.want("/other", 200, "fine")
}

// Innocent requests of a worker that another one blocks are answered by the next worker, if
// they may be sent twice; else they are told.
func TestALoopTakesNoRequestWithItThatMayBeRepeated(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{Spares: 1}, nil)
	b.deploy("loop", `Deno.serve(async (r) => {
		if (r.url.endsWith("on")) for (;;);
		if (r.url.endsWith("slow")) await new Promise((r) => setTimeout(r, 700));
		return new Response("fine " + r.method);
	});`, Limits{CPU: 300 * time.Millisecond})
	b.want("/loop", 200, "fine")
	type answer struct {
		status int
		body   string
	}
	got, posted := make(chan answer), make(chan answer)
	go func() {
		status, body := b.get("/loop/slow")
		got <- answer{status, body}
	}()
	go func() {
		res, err := http.Post(b.URL+"/loop/slow", "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Error(err)
			posted <- answer{}
			return
		}
		defer func() { _ = res.Body.Close() }()
		body, _ := io.ReadAll(res.Body)
		posted <- answer{res.StatusCode, string(body)}
	}()
	eventually(t, "both have begun", func() bool { return b.Pool.Stats().Calls == 2 })
	res, err := http.Post(b.URL+"/loop/on", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != StatusLimit {
		t.Errorf("the loop: got %d", res.StatusCode)
	}
	if a := <-got; a != (answer{200, "fine GET"}) {
		t.Errorf("the innocent GET: got %v", a)
	}
	if a := <-posted; a.status != StatusLimit && a.status != 200 {
		t.Errorf("the innocent POST: got %v", a)
	}
}

func TestEndlessOutputIsCut(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{Spares: 1}, nil)
	b.deploy("endless", `Deno.serve(() => {
		const piece = new Uint8Array(64 << 10);
		return new Response(new ReadableStream({ pull(c) { c.enqueue(piece); }, cancel() { console.log("cancelled"); } }));
	});`, Limits{Output: 1 << 20})
	b.deploy("long", `Deno.serve((r) => new Response(new Uint8Array(Number(new URL(r.url).searchParams.get("n")))));`, Limits{Output: 1 << 20})
	for path, cut := range map[string]bool{"/endless": true, "/long?n=1048576": false, "/long?n=1048577": true} {
		res, err := http.Get(b.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || len(body) != 1<<20 || (res.Trailer.Get("X-Output-Truncated") == "true") != cut {
			t.Errorf("%s: %d bytes, %v, trailer %v", path, len(body), err, res.Trailer)
		}
	}
	eventually(t, "the function heard of it", func() bool { return strings.Contains(b.said(), "cancelled") })
	if stats := b.Pool.Stats(); stats.Resident > 2*defaultMemory {
		t.Errorf("the workers have %d MiB", stats.Resident/mib)
	}
}

func TestAForkOfWorkersIsEnded(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{Spares: 1, Threads: 40}, map[string]string{
		"fork": `import { Worker as W } from "node:worker_threads";
			Deno.serve(async () => {
				if (typeof Worker !== "undefined") return new Response("Worker is there");
				const kept = [];
				for (;;) { kept.push(new W("setInterval(() => {}, 1000)", { eval: true })); await new Promise((r) => setTimeout(r, 5)); }
			});`,
		"processes": `Deno.serve(async () => {
			const tried = [];
			for (const f of [() => new Deno.Command("/bin/true").outputSync(), async () => (await import("node:child_process")).execSync("true"),
				() => Deno.dlopen("/lib/x86_64-linux-gnu/libc.so.6", {}), () => Deno.readTextFileSync("/etc/passwd"), () => Deno.writeTextFileSync("/tmp/x", "y"),
				() => Deno.hostname(), () => Deno.kill(1, "SIGTERM"), () => Deno.readDirSync("..").next(),
				async () => new (await import("node:sqlite")).DatabaseSync("/tmp/x.db"), async () => (await import("node:inspector")).open(0)]) {
				try { await f(); tried.push("DONE " + f); } catch (e) { tried.push(e.name); }
			}
			return Response.json(tried);
		});`,
	})
	b.want("/fork", StatusLimit, "WORKER_LIMIT")
	if status, body := b.get("/processes"); status != 200 || strings.Contains(body, "DONE") {
		t.Errorf("got %d %s", status, body)
	} else {
		t.Log(body)
	}
}

// ways are those to reach an address: each says REACHED, or why not.
const ways = `
import net from "node:net"; import http from "node:http"; import tls from "node:tls"; import http2 from "node:http2"; import dgram from "node:dgram"; import dns from "node:dns";
const tries = (host, port) => {
	const url = host.includes(":") ? "[" + host + "]" : host;
	const event = (make, good) => new Promise((yes, no) => { const e = make(); e.on("error", no); e.on(good, () => yes(1)); });
	const proxy = (scheme) => fetch("http://93.184.215.14/", { client: Deno.createHttpClient({ proxy: { url: scheme + "://" + url + ":" + port } }) });
	return {
		fetch: () => fetch("http://" + url + ":" + port + "/"),
		connect: () => Deno.connect({ hostname: host, port }),
		connectTls: () => Deno.connectTls({ hostname: host, port }),
		websocket: () => new Promise((yes, no) => { const w = new WebSocket("ws://" + url + ":" + port); w.onopen = yes; w.onerror = (e) => no(new Error(e.message)); }),
		net: () => event(() => net.connect(port, host), "connect"),
		http: () => event(() => http.get({ host, port }), "response"),
		tls: () => event(() => tls.connect(port, host), "secureConnect"),
		http2: () => event(() => http2.connect("http://" + url + ":" + port), "connect"),
		udp: () => new Promise((yes, no) => { const u = dgram.createSocket(host.includes(":") ? "udp6" : "udp4"); u.on("error", no); u.send("x", port, host, (e) => e ? no(e) : yes(1)); }),
		proxy: () => proxy("http"), socks: () => proxy("socks5"),
		tcpProxy: () => fetch("http://93.184.215.14/", { client: Deno.createHttpClient({ proxy: { transport: "tcp", hostname: host, port } }) }),
		resolve: () => Deno.resolveDns("example.com", "A", { nameServer: { ipAddr: host, port } }),
	};
};
// Datagrams and servers of node tell of an error nowhere; all else does, however long it takes.
const bounded = (f, way) => Promise.race([f(), new Promise((_, no) => setTimeout(() => no(new Error("nothing happens")), /udp|netListen/.test(way) ? 300 : 20000))]);
Deno.serve(async (request) => {
	const { hosts, port } = await request.json();
	const said = {};
	await Promise.all(hosts.flatMap((host) => Object.entries(tries(host, port)).map(async ([way, f]) => {
		try { await bounded(f, way); said[way + " " + host] = "REACHED"; } catch (e) { said[way + " " + host] = String(e.message); }
	})));
	for (const [way, f] of Object.entries({
		listen: () => Deno.listen({ port: 0 }), listen6: () => Deno.listen({ port: 0, hostname: "::" }),
		netListen: () => new Promise((yes, no) => { const s = net.createServer(); s.on("error", no); s.listen(0, "::", yes); }),
		unix: () => Deno.connect({ transport: "unix", path: "/run/docker.sock" }),
		ownSocket: () => Deno.connect({ transport: "unix", path: import.meta.dirname + "/../s" }),
		abstract: () => new Promise((yes, no) => { const c = net.connect("\0x"); c.on("connect", yes); c.on("error", no); }),
	})) try { await bounded(f, way); said[way] = "REACHED"; } catch (e) { said[way] = String(e.message); }
	return Response.json(said);
});`

func ask(t *testing.T, b *bed, path string, hosts []string, port int) string {
	t.Helper()
	res, err := http.Post(b.URL+path, "application/json", strings.NewReader(fmt.Sprintf(`{"hosts":["%s"],"port":%d}`, strings.Join(hosts, `","`), port)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != 200 {
		t.Fatalf("got %d %s\n%s", res.StatusCode, body, b.said())
	}
	return strings.ReplaceAll(string(body), `","`, "\",\n\"")
}

// listener counts who reaches it.
func listener(t *testing.T) (port int, reached *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "[::]:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	port, reached = l.Addr().(*net.TCPAddr).Port, new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			reached.Add(1)
			go func() {
				_, _ = c.Read(make([]byte, 1024))
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
				_ = c.Close()
			}()
		}
	}()
	if u, err := net.ListenPacket("udp", fmt.Sprint("[::]:", port)); err == nil {
		t.Cleanup(func() { _ = u.Close() })
		go func() {
			if _, _, err := u.ReadFrom(make([]byte, 1)); err == nil {
				reached.Add(1)
			}
		}()
	}
	return port, reached
}

func TestFunctionsReachNothingPrivate(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{Spares: 1}, map[string]string{"net": ways})
	if !b.Pool.spawner.guarded {
		t.Fatal("there is no guard")
	}
	port, reached := listener(t)
	hosts := []string{"127.0.0.1", "localhost", "::1", "::", "0.0.0.0", "::ffff:127.0.0.1", "2130706433", "0x7f.1", "127.1", "localhost."}
	// What this machine has besides, as the database's may be.
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if ip := netip.MustParsePrefix(a.String()).Addr(); ip.IsPrivate() {
			hosts = append(hosts, ip.String())
		}
	}
	said := ask(t, b, "/net", hosts, port)
	if strings.Contains(said, "REACHED") || reached.Load() != 0 {
		t.Errorf("%d reached\n%s", reached.Load(), said)
	}
	if said := ask(t, b, "/net", []string{"169.254.169.254", "fd00:ec2::254", "fe80::1", "100.100.100.200", "metadata.google.internal"}, 80); strings.Contains(said, "REACHED") {
		t.Error(said)
	}
}

// Deno's own rules are the first border. The guard holds without them.
func TestTheGuardHoldsWithoutTheRulesOfDeno(t *testing.T) {
	t.Parallel()
	port, reached := listener(t)
	b := newBed(t, Options{Spares: 1, Private: true, Denied: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::/127")}}, map[string]string{"net": ways})
	said := ask(t, b, "/net", []string{"127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1", "::", "0.0.0.0", "2130706433"}, port)
	if strings.Contains(said, "REACHED") || reached.Load() != 0 {
		t.Errorf("%d reached\n%s", reached.Load(), said)
	}
	t.Log(said)

	open := newBed(t, Options{Spares: 1, Private: true}, map[string]string{"net": ways})
	said = ask(t, open, "/net", []string{"127.0.0.1", "::1", "localhost"}, port)
	for _, way := range []string{"fetch", "connect", "net", "http", "http2", "proxy"} {
		for _, host := range []string{"127.0.0.1", "::1", "localhost"} {
			if !strings.Contains(said, `"`+way+" "+host+`":"REACHED"`) {
				t.Errorf("%s %s is not reached where it may be: %s", way, host, said)
			}
		}
	}
	if strings.Contains(said, `"udp`) && strings.Contains(said, `"udp 127.0.0.1":"REACHED"`) {
		t.Error("UDP is open")
	}
}

func TestEgressIsAListOfHosts(t *testing.T) {
	t.Parallel()
	port, reached := listener(t)
	b := newBed(t, Options{Spares: 1, Private: true}, nil)
	s := b.deploy("net", ways, Limits{})
	s.Egress = []string{"127.0.0.1:" + fmt.Sprint(port)}
	none := b.deploy("none", ways, Limits{})
	none.Egress = []string{}
	said := ask(t, b, "/net", []string{"127.0.0.1", "localhost", "::1"}, port)
	if !strings.Contains(said, `"fetch 127.0.0.1":"REACHED"`) || strings.Contains(said, `localhost":"REACHED"`) || strings.Contains(said, `::1":"REACHED"`) {
		t.Error(said)
	}
	before := reached.Load()
	if said := ask(t, b, "/none", []string{"127.0.0.1"}, port); strings.Contains(said, "REACHED") || reached.Load() != before {
		t.Error(said)
	}
}
