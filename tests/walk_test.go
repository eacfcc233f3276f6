package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// badInput is what is wrong with a request, for any route. A part that is empty is as it
// should be.
type badInput struct {
	name, method, suffix, query, header, body string
}

var badInputs = func() []badInput {
	var list []badInput
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "BREW"} {
		list = append(list, badInput{name: "method", method: m})
	}
	for _, s := range []string{"%zz", "%", "%00", "%ff", "/more", "%2F..%2Flivez", "/", "nope", strings.Repeat("x", 9000), strings.Repeat("x", 90_000)} {
		list = append(list, badInput{name: "path", suffix: s})
	}
	for _, q := range []string{
		"%zz=1", "nope=eq.1", "id=xx.1", "id=eq.%ff", "id=eq.a%00b", "%ff=eq.1", "id=eq." + strings.Repeat("9", 5000), "select=nope", "select=((", "select=id,id(id)",
		"order=nope", "order=id.up", "limit=-1", "limit=x", "offset=1e9", "or=(((", "and=()", "columns=nope", "on_conflict=nope",
		"cursor=nope", "distinct=nope", "having=x", "for=nope", "vsn=9", "apikey=%00",
	} {
		list = append(list, badInput{name: "query", query: q})
	}
	for _, h := range []string{
		"Authorization: Bearer", "Authorization: Bearer x.y.z", "Authorization: Basic eDp5", "Authorization: Bearer \xff",
		"Authorization: Bearer EXPIRED", "Authorization: Bearer FORGED", "apikey: nope", "Accept-Profile: nope", "Content-Profile: nope",
		"Prefer: handling=strict, nope=1", "Prefer: handling=strict, max-affected=0", "Prefer: timezone=nope, handling=strict", "Prefer: count=\"",
		"Range: 5-1", "Range: -1-x", "Range-Unit: nope", "If-Match: nope", "If-Match: \"x\"", "If-None-Match: \xff", "If-Unmodified-Since: nope",
		"Content-Type: text/nope", "Content-Type: ;;;", "Content-Type: application/json-patch+json", "Content-Type: application/vnd.fluxbase.batch+json",
		"Content-Length: 99999999", "Content-Length: -1", "Transfer-Encoding: gzip", "Expect: rain", "Bad Header: x", "Cookie: =;=", "Cookie: a=\xff",
		"X-Forwarded-For: nope", "X-Request-Id: a b", "Upgrade: nope", "Origin: null", "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST",
	} {
		list = append(list, badInput{name: "header", header: h})
	}
	for _, b := range []string{
		"{", "[]]", "null", "1", `"x"`, "\xff", `{"id":"\ud800"}`, `{"id":"a\u0000b"}`, `{"id":{}}`, `{"nope":1}`, `[{"id":1},{"x":2}]`, "[[[1]]]", `{"messages":[{}]}`,
		`{"operations":[{}]}`, `{"operations":[{"method":"GET","path":"/nope"}]}`, strings.Repeat("[", 100) + strings.Repeat("]", 100),
		`{"title":"` + strings.Repeat("x", 20_000) + `"}`, "id,title\n1\n",
	} {
		list = append(list, badInput{name: "body", method: "POST", header: "Content-Type: application/json", body: b},
			badInput{name: "body", method: "PATCH", query: "id=eq.1", header: "Content-Type: application/json", body: b})
	}
	return append(list,
		badInput{name: "CSV", method: "POST", header: "Content-Type: text/csv", body: "id,title\n1\n"},
		badInput{name: "patch", method: "PATCH", query: "id=eq.1", header: "Content-Type: application/json-patch+json", body: `[{"op":"nope"}]`},
		badInput{name: "no filter", method: "DELETE"}, badInput{name: "no filter", method: "PATCH", header: "Content-Type: application/json", body: `{"title":"x"}`},
	)
}()

// inside is what must never be in an answer.
var inside = regexp.MustCompile(`\.go\b|goroutine|0x[0-9a-f]{6}|/root/|/home/|/tmp/|pgconn|pgx|\*web\.|runtime error|_fx_|set_config|json_agg|` +
	regexp.QuoteMeta(jwtSecret) + `|postgres://|postgresql://|authenticator`)

var loggedID = regexp.MustCompile(`"request_id":"([^"]*)"`)

// walk sends each kind of bad input to each route, and looks at the answers.
type walk struct {
	t         *testing.T
	s         *server
	dialect   string // "", "problem", "dropin" or "auth"
	every     int    // of the bad inputs one in this many
	user      string
	id        string                // in place of {id}
	more      map[string][]badInput // of a route
	expired   string
	forged    string
	documents map[string]map[string]bool // codes by "METHOD path", and "" for those of everywhere

	mu   sync.Mutex
	ids  []string
	seen map[string]int // codes
}

// answerOf sends one request, on a connection of its own.
func (k *walk) answerOf(method, target, header, body string) (*http.Response, string, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(k.s.URL, "http://"))
	if err != nil {
		return nil, "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if !strings.Contains(header, "Content-Length:") {
		header += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	go func() { // a long one may be refused before it is sent
		_, _ = io.WriteString(conn, method+" "+target+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"+header+"\r\n"+body)
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return nil, "", err
	}
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

func (k *walk) try(id, method, path string, in badInput) {
	header := "X-Request-Id: " + id + "\r\n"
	if k.dialect == "problem" {
		header += "Accept: text/csv;q=0.1, application/problem+json\r\n"
	}
	if name, _, _ := strings.Cut(in.header, ":"); name != "Authorization" && name != "apikey" {
		header += "apikey: " + k.user + "\r\n"
		if k.dialect == "auth" {
			header += "Authorization: Bearer " + k.user + "\r\n"
		}
	}
	if k.dialect == "auth" {
		header += apiVersion + "\r\n"
	}
	if in.header != "" {
		header += strings.NewReplacer("EXPIRED", k.expired, "FORGED", k.forged).Replace(in.header) + "\r\n"
	}
	target := path + in.suffix
	if in.query != "" {
		target += "?" + in.query
	}
	where := fmt.Sprintf("%s %s %.80s, %s %.100q %.100q", k.dialect, method, target, in.name, in.header, in.body)
	resp, body, err := k.answerOf(method, target, header, in.body)
	if err != nil {
		k.t.Errorf("%s: no answer: %v", where, err)
		return
	}
	made := resp.Header.Get("X-Request-Id")
	if made == "" && k.dialect == "dropin" && (resp.Header.Get("Content-Type") == "text/plain; charset=utf-8" && resp.Close || resp.StatusCode == http.StatusExpectationFailed) {
		return // no HTTP, of which no handler hears
	}
	if made == "" {
		k.t.Errorf("%s: %d without a request id", where, resp.StatusCode)
	}
	k.mu.Lock()
	k.ids = append(k.ids, made)
	k.mu.Unlock()
	if resp.StatusCode < 400 && resp.StatusCode != 300 || method == "HEAD" {
		return
	}
	var e struct {
		Code      string
		Status    int
		RequestID string `json:"request_id"`
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &e) != nil || json.Unmarshal([]byte(body), &keys) != nil || !utf8.ValidString(body) {
		k.t.Errorf("%s: %d %s", where, resp.StatusCode, start(body))
		return
	}
	delete(keys, "operation") // of a batch
	// What is no HTTP has no Accept; it gets a request id of ours.
	noHTTP := made != id && !strings.HasPrefix(in.header, "X-Request-Id")
	kind, want := "application/json; charset=utf-8", []string{"code", "details", "error", "hint", "message", "request_id"}
	function := strings.HasPrefix(path, "/functions/v1/") && !noHTTP
	switch {
	case function:
		want = []string{"code", "message", "request_id"}
		if resp.StatusCode == http.StatusUnauthorized {
			want = []string{"msg", "request_id"}
		}
		delete(keys, "hint")
		delete(keys, "details")
	case k.dialect == "problem" && !noHTTP:
		kind, want = "application/problem+json", []string{"code", "detail", "details", "hint", "instance", "request_id", "status", "title", "type"}
		if e.Status != resp.StatusCode {
			k.t.Errorf("%s: status %d in a body with %d", where, resp.StatusCode, e.Status)
		}
	case k.dialect == "auth" && !noHTTP:
		want = []string{"code", "message", "request_id"}
		delete(keys, "hint")
		delete(keys, "weak_password")
		if name, ok := map[string]string{"request_entity_too_large": "body_too_large", "unexpected_failure": "internal_error"}[e.Code]; ok {
			e.Code = name
		}
	case k.dialect == "dropin":
		want, e.RequestID = []string{"code", "details", "hint", "message"}, made
	}
	if got := sortedKeysOf(keys); !slices.Equal(got, want) || resp.Header.Get("Content-Type") != kind || e.RequestID != made {
		k.t.Errorf("%s: %d %s, request id %s: %s", where, resp.StatusCode, resp.Header.Get("Content-Type"), made, start(body))
	}
	if m := inside.FindString(body); m != "" {
		k.t.Errorf("%s: the answer tells of the inside by %q: %s", where, m, start(body))
	}
	if function && resp.StatusCode == http.StatusUnauthorized {
		return // which tells no code
	}
	// The anonymous role may sign in, and a role that is not there is a wrong token.
	c, known := web.CodeOf(e.Code)
	mended := resp.StatusCode == 401 && (e.Code == "42501" || e.Code == "22023") ||
		// Whom an administrator names, and what is no id.
		resp.StatusCode == 404 && (e.Code == "user_not_found" || k.dialect == "auth" && e.Code == "validation_failed")
	if known && c.Status != resp.StatusCode && !mended || !known && (len(e.Code) != 5 || resp.StatusCode != 400) {
		k.t.Errorf("%s: %d with code %s", where, resp.StatusCode, e.Code)
	}
	if resp.StatusCode == 500 && !permitted(500, body) {
		k.t.Errorf("%s: %s", where, start(body))
	}
	k.mu.Lock()
	k.seen[e.Code]++
	k.mu.Unlock()
	if codes := k.documents[method+" "+strings.Replace(strings.Replace(path, "/v1/walked", "/v1/{name}", 1), k.id, "{id}", 1)]; in.suffix == "" && codes != nil && !codes[e.Code] && (len(e.Code) != 5 || !codes["SQLSTATE"]) {
		k.t.Errorf("%s: /openapi.json does not tell of %s", where, e.Code)
	}
}

func sortedKeysOf(m map[string]json.RawMessage) []string {
	var list []string
	for key := range m {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}

// run walks all routes; each is METHOD path.
func (k *walk) run(routes []string) {
	work := make(chan func())
	var group sync.WaitGroup
	for range 64 { // many wait for a look at the catalogue, which they share
		group.Go(func() {
			for f := range work {
				f()
			}
		})
	}
	n := 0
	for r, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{topic}", "t", "{event}", "e", "{file}", "main.js", "{name}", "walked").Replace(path)
		for i, in := range slices.Concat(badInputs, k.more[route]) {
			if n++; (i+r)%k.every != 0 { // each route others
				continue
			}
			id := fmt.Sprintf("walk-%s-%d", k.dialect, n)
			m := method
			if in.method != "" {
				m = in.method
			}
			if in.name == "body" && m != method {
				continue
			}
			work <- func() { k.try(id, m, strings.ReplaceAll(path, "{id}", k.id), in) }
		}
	}
	close(work)
	group.Wait()
	eventually(k.t, "the log has a line of each request", func() bool {
		logged := map[string]bool{}
		for _, m := range loggedID.FindAllStringSubmatch(k.s.Log(), -1) {
			logged[m[1]] = true
		}
		return !slices.ContainsFunc(k.ids, func(id string) bool { return !logged[id] })
	})
	noServerErrors(k.t, k.s)
}

// documentedCodes reads /openapi.json: the codes of each operation.
func documentedCodes(t *testing.T, s *server, token string) map[string]map[string]bool {
	t.Helper()
	type response struct {
		Ref   string `json:"$ref"`
		Codes []struct {
			Code   string
			Status int
		} `json:"x-codes"`
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]response
		}
		Components struct{ Responses map[string]response }
	}
	a := s.call(t, "GET", "/openapi.json", "", "Authorization: Bearer "+token)
	if err := json.Unmarshal([]byte(a.Body), &doc); err != nil || a.Status != 200 {
		t.Fatalf("%d %v", a.Status, err)
	}
	all := map[string]map[string]bool{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			codes := map[string]bool{}
			for status, r := range op.Responses {
				codes["SQLSTATE"] = codes["SQLSTATE"] || status == "default"
				if r.Ref != "" {
					r = doc.Components.Responses[strings.TrimPrefix(r.Ref, "#/components/responses/")]
				}
				for _, c := range r.Codes {
					codes[c.Code] = true
					if status != "default" && fmt.Sprint(c.Status) != status {
						t.Errorf("%s %s: %s is told of under %s", method, path, c.Code, status)
					}
				}
			}
			if len(codes) < len(web.Everywhere) {
				t.Errorf("%s %s tells of %d codes only", method, path, len(codes))
			}
			all[strings.ToUpper(method)+" "+path] = codes
		}
	}
	return all
}

// Bad input of any kind, to any route, is answered in the one shape.
func TestBadInputToEveryRouteIsAnsweredInOneShape(t *testing.T) {
	t.Parallel()
	db := notesDB(t)
	s := startRealtime(t, db, "walk", "FLUXBASE_REST_DB_TX_END=rollback", "FLUXBASE_SERVER_CORS_ORIGINS=https://app.example.com")
	documents := documentedCodes(t, s, signToken(t, map[string]any{"role": "service_role"}))
	var routes []string
	for route := range documents {
		// Of tables and functions a few stand for all.
		_, rest, isRest := strings.Cut(route, "/rest/v1/")
		if !isRest || slices.Contains([]string{"", "batch", "notes", "rpc/search_notes"}, rest) {
			routes = append(routes, route)
		}
	}
	routes = append(routes, "GET /nowhere")
	slices.Sort(routes)
	if len(routes) < 16 {
		t.Fatalf("only %q", routes)
	}
	expired := signToken(t, map[string]any{"role": "authenticated", "exp": 1})
	forged := expired[:len(expired)-4] + "AAAA"
	every := map[string]int{"": 3, "problem": 15}
	if *soak > 0 {
		every = map[string]int{"": 1, "problem": 1}
	}
	for dialect, every := range every {
		k := &walk{
			t: t, s: s, dialect: dialect, every: every, user: userToken(t, ada), expired: expired, forged: forged,
			documents: documents, seen: map[string]int{},
		}
		k.run(routes)
		k.socket(t)
		t.Logf("%q: %d requests, codes %v", dialect, len(k.ids), k.seen)
		if len(k.seen) < 25 {
			t.Errorf("only these codes were met: %v", k.seen)
		}
	}
}

// In PostgREST's place the shape is PostgREST's, whoever asks for another.
func TestBadInputInPostgRESTsPlaceIsAnsweredInItsShape(t *testing.T) {
	t.Parallel()
	db := dropInDB(t)
	s := startDropIn(t, db, "PGRST_DB_TX_END=rollback")
	k := &walk{t: t, s: s, dialect: "dropin", every: 2, user: userToken(t, ada), expired: "x", forged: "y", seen: map[string]int{}}
	k.run([]string{"GET /things", "POST /things", "PATCH /things", "POST /rpc/who", "GET /"})
	if len(k.seen) < 12 {
		t.Errorf("only these codes were met: %v", k.seen)
	}
}
