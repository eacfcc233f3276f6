package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fuzzSeeds are requests that succeed; what is tried are their mutations.
var fuzzSeeds = []hostileRequest{
	{method: "GET", path: "/notes?select=id,title,tags(name)&tags.name=eq.plants&order=id.desc.nullslast&limit=5&offset=1"},
	{method: "GET", path: "/notes?select=*,...note_tags(tag_id),t:tags!inner(name,note_tags!left(*))&or=(id.eq.1,not.and(title.like.*a*,id.in.(1,2)))"},
	{method: "GET", path: "/kinds?select=id,c:data->>color,data->deep->list->0,amount::text&data->n=gt.0&words=cs.{a}&span=ov.[1,3)&big=isdistinct.2&is_on=not.is.null"},
	{method: "GET", path: "/kinds?select=is_on,count(),amount.sum(),m:big.max()::text&order=is_on&amount=gte(any).{1,2}"},
	{method: "GET", path: "/echo?value=wfts(english).cats", header: []string{"Accept: text/csv", "Range: 0-4", "Prefer: count=exact"}},
	{method: "HEAD", path: "/tags?limit=1", header: []string{"Prefer: count=planned"}},
	{method: "GET", path: "/tags?id=eq.1", header: []string{"Accept: application/vnd.pgrst.object+json;nulls=stripped"}},
	{method: "GET", path: "/tags", header: []string{`Accept: application/vnd.pgrst.plan+json; for="text/csv"; options=analyze|verbose`, "Accept-Profile: public"}},
	{method: "QUERY", path: "/notes?select=id", body: "id=in.(1,2)&order=id.desc", header: []string{"Content-Type: application/x-www-form-urlencoded"}},
	{
		method: "POST", path: "/notes/query?id=gt.0", header: []string{"Content-Type: application/json"},
		body: `{"select": ["id", "tags(name)"], "where": {"or": [{"id": 1}, {"not": {"title": {"like": "a*"}}}]}, "embeds": {"tags": {"limit": 1}}}`,
	},
	{method: "GET", path: "/kinds?select=is_on,n:count().filter(data->n.gt.0,id.in.(1,2)),amount.sum()&having=and(count().gt.0,amount.max().filter(id.eq.1).not.is.null)&order=is_on"},
	{method: "GET", path: "/notes?select=id&distinct=title,id&order=title.desc,id&title=isdistinct(col).id&or=(id.gte(col).id)"},
	{method: "GET", path: `/notes?select=title&distinct=&order=title`},
	{method: "GET", path: `/kinds?select=id&order=rank(words,wfts(english)."a b").desc,id`},
	{method: "GET", path: "/rpc/same_text?value=x&limit=1"},
	{method: "GET", path: "/rpc/add_up?a=1&b=2"},
	{method: "GET", path: "/", header: []string{"Accept: application/openapi+json"}},
	{method: "OPTIONS", path: "/tags", header: []string{"Origin: http://example.com", "Access-Control-Request-Method: POST"}},
	{method: "POST", path: "/rpc/same_text", body: `{"value": "x"}`, header: []string{"Content-Type: application/json", "Prefer: params=multiple-objects,max-affected=1,handling=strict"}},
	{method: "POST", path: "/rpc/same_text", body: "value=x&select=y", header: []string{"Content-Type: application/x-www-form-urlencoded"}},
	{
		method: "POST", path: "/tags?columns=name&on_conflict=name&select=id,name,notes(title)", body: `[{"name": "a"}, {"name": "b", "x": null}]`,
		header: []string{"Content-Type: application/json", "Prefer: tx=rollback, return=representation, resolution=merge-duplicates, missing=default"},
	},
	{method: "POST", path: "/tags", body: "name\n\"a, b\"\nNULL\n", header: []string{"Content-Type: text/csv", "Prefer: tx=rollback,return=headers-only"}},
	{
		method: "PATCH", path: "/kinds?id=in.(1,2)&select=id,words", body: `{"words": ["a", "b"], "data": {"k": [1, {"l": null}]}, "amount": 1.5e3, "span": "[1,2)"}`,
		header: []string{"Content-Type: application/json", "Prefer: tx=rollback,return=representation,timezone=Europe/Berlin"},
	},
	{method: "PUT", path: "/echo?id=eq.1", body: `{"id": 1, "value": "x"}`, header: []string{"Content-Type: application/json", "Prefer: tx=rollback"}},
	{method: "DELETE", path: "/note_tags?note_id=eq.1&tag_id=gt.1", header: []string{"Prefer: tx=rollback, return=representation, max-affected=5, handling=lenient"}},
}

// fuzzer makes requests out of seeds.
type fuzzer struct {
	r     *rand.Rand
	words []string
}

// mutate changes a text in a few places: words of the grammar go in, pieces are
// cut, doubled and moved, bytes flipped.
func (f *fuzzer) mutate(s string) string {
	for range 1 + f.r.IntN(3) {
		i, j := f.r.IntN(len(s)+1), f.r.IntN(len(s)+1)
		i, j = min(i, j), max(i, j)
		switch f.r.IntN(8) {
		case 0, 1:
			s = s[:i] + f.word() + s[i:]
		case 2, 3:
			s = s[:i] + f.word() + s[min(i+f.r.IntN(6), len(s)):]
		case 4:
			s = s[:i] + s[min(i+1+f.r.IntN(8), len(s)):]
		case 5:
			s = s[:j] + s[i:j] + s[j:]
		case 6:
			s = s[:i] + string([]byte{byte(f.r.IntN(256))}) + s[min(i+1, len(s)):]
		default:
			if f.r.IntN(20) == 0 {
				s = s[:i] + strings.Repeat(f.word(), f.r.IntN(800)) + s[i:]
			}
		}
	}
	return s[:min(len(s), 30_000)]
}

func (f *fuzzer) word() string { return f.words[f.r.IntN(len(f.words))] }

// request gives the bytes of a request for a seed with some of its parts changed.
func (f *fuzzer) request(token string) (method, raw string) {
	seed := fuzzSeeds[f.r.IntN(len(fuzzSeeds))]
	other := fuzzSeeds[f.r.IntN(len(fuzzSeeds))]
	path, query, _ := strings.Cut(seed.path, "?")
	header := slices.Clone(seed.header)
	switch f.r.IntN(8) {
	case 0:
		path = "/" + f.mutate(path[1:])
	case 1:
		header = append(header, other.header...)
	case 2:
		_, more, _ := strings.Cut(other.path, "?")
		query += "&" + more
	case 3:
		seed.method = other.method
	}
	if f.r.IntN(3) > 0 {
		parts := strings.Split(query, "&")
		for range 1 + f.r.IntN(2) {
			i := f.r.IntN(len(parts))
			parts[i] = f.mutate(parts[i])
		}
		query = strings.Join(parts, "&")
	}
	if seed.body != "" && f.r.IntN(2) == 0 {
		seed.body = f.mutate(seed.body)
	}
	if len(header) > 0 && f.r.IntN(3) == 0 {
		i := f.r.IntN(len(header))
		name, value, _ := strings.Cut(header[i], ": ")
		header[i] = name + ": " + headerText(f.mutate(value))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s /rest/v1%s?%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nAuthorization: Bearer %s\r\n",
		seed.method, escapeTarget(path), escapeTarget(query), len(seed.body), token)
	for _, h := range header {
		b.WriteString(h + "\r\n")
	}
	return seed.method, b.String() + "\r\n" + seed.body
}

// escapeTarget escapes what would end a request line, and nothing else: half of a
// %XX stays what it is.
func escapeTarget(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == '#' {
			b.WriteString(url.QueryEscape(s[i : i+1]))
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// TestFuzzedRequests sends mutated URLs, headers and bodies to a running server:
// it answers each of them and none with a failure of its own.
func TestFuzzedRequests(t *testing.T) {
	t.Parallel()
	const workers, short = 8, 6000
	db := notesDB(t)
	s := startServer(t, db, "FLUXBASE_REST_DB_TX_END=commit-allow-override", "FLUXBASE_REST_DB_PLAN_ENABLED=true",
		"FLUXBASE_REST_DB_AGGREGATES_ENABLED=true", "FLUXBASE_SERVICE_DATABASE_MAX_CONNECTIONS=6")
	words := append(hostileParts(t), "&", "=", "?", ";", "%", "%2", "%20", "%27", "%22", "\\", "\x00", "\u00a0", "\U0001F98A", "a", "Z", "_", "1e9", `"":`, `{"a":`, `[`, `]`, `}`, "null,", "\n", "\t", "::int", "->0", ".eq.", ",", "(),")
	tokens := []string{
		signToken(t, map[string]any{"role": "service_role"}), signToken(t, map[string]any{"role": "authenticated", "sub": ada}), signToken(t, map[string]any{"role": "anon"}),
	}
	var tried, taken atomic.Int64
	began := time.Now()
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			f := &fuzzer{r: rand.New(rand.NewPCG(11, uint64(w))), words: words}
			var conn net.Conn
			var from *bufio.Reader
			defer func() {
				if conn != nil {
					_ = conn.Close()
				}
			}()
			for n := 0; n < short/workers || time.Since(began) < *soak; n++ {
				method, raw := f.request(tokens[f.r.IntN(len(tokens))])
				if conn == nil {
					var err error
					if conn, err = net.Dial("tcp", strings.TrimPrefix(s.URL, "http://")); err != nil {
						t.Errorf("the server is gone: %v", err)
						return
					}
					from = bufio.NewReader(conn)
				}
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				status, body, keep, err := exchange(conn, from, method, raw)
				tried.Add(1)
				switch {
				case err != nil:
					t.Errorf("%.2000q: no answer: %v", raw, err)
				case status >= 500 && !permitted(status, body):
					t.Errorf("%.4000q: %d %s", raw, status, start(body))
				case status < 300:
					taken.Add(1)
				}
				if err != nil || !keep {
					_ = conn.Close()
					conn = nil
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d requests, %d of them succeeded", tried.Load(), taken.Load())
	if taken.Load() < tried.Load()/10 {
		t.Errorf("only %d of %d requests succeeded: are they mutations of good ones?", taken.Load(), tried.Load())
	}
	if a := s.call(t, "GET", "/rest/v1/tags?select=name&limit=1", ""); a.Status != 200 {
		t.Errorf("after all: %d %s", a.Status, a.Body)
	}
}

func exchange(conn net.Conn, from *bufio.Reader, method, raw string) (status int, body string, keep bool, err error) {
	sent := make(chan error, 1)
	go func() { _, err := io.WriteString(conn, raw); sent <- err }()
	resp, err := http.ReadResponse(from, &http.Request{Method: method})
	if err != nil {
		return 0, "", false, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if sendErr := <-sent; sendErr != nil || resp.Close {
		return resp.StatusCode, string(b), false, err
	}
	return resp.StatusCode, string(b), true, err
}

// permitted tells the failures that the contract asks for although a client can
// cause them: a row that an upsert names twice (21000), and a statement that
// exceeds what Postgres can do (class 54), as with 1,665 columns.
func permitted(status int, body string) bool {
	var e struct{ Code string }
	_ = json.Unmarshal([]byte(body), &e)
	return status == http.StatusInternalServerError && (e.Code == "21000" || strings.HasPrefix(e.Code, "54"))
}
