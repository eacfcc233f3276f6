package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	osexec "os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

const bodiesFixture = `
create table public.documents (id int primary key, body jsonb, note text);
create table public.lines (id int primary key, v text);
create function public.length_of(body json) returns int language sql stable as 'select length(length_of.body::text)';
insert into public.documents select i, jsonb_build_object('text', repeat('words of document ' || i || ' ', 20)) from generate_series(1, 500) as i;
insert into public.documents values (1000, jsonb_build_object('text', repeat('one large row ', 5000)));`

func TestBodies(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, bodiesFixture)
	s := startServer(t, db,
		"FLUXBASE_SERVER_BODY_LIMITS=POST /rest/v1/rpc/**=2KB", "FLUXBASE_SERVER_RESPONSE_LIMITS=/rest/v1/nothing=5,/rest/v1/lines=1MB")
	t.Run("over their limits", func(t *testing.T) { bodiesOverTheirLimits(t, s, db) })
	t.Run("compressed imports", func(t *testing.T) { compressedImports(t, s, db) })
	t.Run("compressed answers", func(t *testing.T) { compressedAnswers(t, s) })
	t.Run("answers over their limit", func(t *testing.T) { answersOverTheirLimit(t, s, db) })
	t.Run("as many parameters as a URL holds", func(t *testing.T) { manyParameters(t, s) })
	t.Run("real clients", func(t *testing.T) { runNode(t, s, "bodies.test.mjs") })
	noServerErrors(t, s)
}

func gzipped(t *testing.T, b string) string {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := io.WriteString(z, b); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	return out.String()
}

func zstandard(t *testing.T, b string) string {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(z.EncodeAll([]byte(b), nil))
}

// Of what is over a limit nothing is written, and the process holds no more of it than the
// limit.
func bodiesOverTheirLimits(t *testing.T, s *server, db *dbtest.DB) {
	const mb = 1 << 20
	text := func(n int) string { return strings.Repeat("x", n) }
	object := func(id, n int) string { return fmt.Sprintf(`{"id":%d,"note":"%s"}`, id, text(n)) }
	deep := func(n int) string { return strings.Repeat(`[`, n) + strings.Repeat(`]`, n) }
	bomb := strings.Repeat(gzipped(t, strings.Repeat(" ", 10*mb)), 1000) // 10 GB
	zbomb := strings.Repeat(zstandard(t, strings.Repeat(" ", 10*mb)), 1000)
	for _, tt := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		want                     string
	}{
		{"an object of nearly 1 MB", "POST", "/documents", object(2001, mb-100), nil, 201, ""},
		{"one of more", "POST", "/documents", object(2002, mb), nil, 413, `{"limit_bytes":1048576,"route_class":"rest"}`},
		{"rows of more", "POST", "/documents", "[" + object(2003, mb) + "," + object(2004, mb) + "]", nil, 201, ""},
		{"rows of more than 10 MB", "POST", "/documents", "[" + object(2005, 10*mb) + "]", nil, 413, `{"limit_bytes":10485760,"route_class":"bulk"}`},
		{"the limit of a rule", "POST", "/rpc/length_of", `{"body":"` + text(2000) + `"}`, nil, 200, ""},
		{"over it", "POST", "/rpc/length_of", `{"body":"` + text(2048) + `"}`, nil, 413, `{"limit_bytes":2048,"route_class":"rpc"}`},
		{"gzip", "POST", "/documents", gzipped(t, object(2006, mb/2)), []string{"Content-Encoding: gzip"}, 201, ""},
		{"gzip of too much", "POST", "/documents", gzipped(t, object(2007, mb)), []string{"Content-Encoding: gzip"}, 413, "once decompressed"},
		{"zstd of rows", "POST", "/documents", zstandard(t, "["+object(2008, mb)+"]"), []string{"Content-Encoding: zstd"}, 201, ""},
		{"zstd of CSV", "POST", "/documents", zstandard(t, "id,note\n2009,"+text(mb)+"\n"), []string{"Content-Encoding: zstd", "Content-Type: text/csv"}, 201, ""},
		{"a zip bomb", "POST", "/documents", gzipped(t, "[") + bomb, []string{"Content-Encoding: gzip"}, 413, "once decompressed"},
		{"one of zstd", "POST", "/documents", zstandard(t, "[") + zbomb, []string{"Content-Encoding: zstd"}, 413, "once decompressed"},
		{"one for an import", "POST", "/lines", bomb, []string{"Content-Encoding: gzip", sendsLines}, 413, "limit_line_bytes"},
		{"another coding", "POST", "/documents", "x", []string{"Content-Encoding: br"}, 415, "unsupported_encoding"},
		{"deep JSON", "POST", "/documents", `{"id":2010,"body":` + deep(64) + `}`, nil, 400, `{"limit_levels":64,"route_class":"rest"}`},
		{"as deep as may be", "POST", "/documents", `{"id":2011,"body":` + deep(63) + `}`, nil, 201, ""},
		{"deep JSON in rows", "POST", "/documents", `[{"id":2012,"body":` + deep(63) + `}]`, nil, 400, "json_too_deep"},
		{"deep JSON for a function", "POST", "/rpc/length_of", `{"body":` + deep(500) + `}`, nil, 400, `{"limit_levels":64,"route_class":"rpc"}`},
		{"deep JSON in a batch", "POST", "/batch", `{"operations":[{"method":"POST","path":"/documents","body":{"id":2013,"body":` + deep(70) + `}}]}`, nil, 400, "json_too_deep"},
		{"deep JSON in a patch", "PATCH", "/documents?id=eq.1", `[{"op":"add","path":"/body/x","value":` + deep(70) + `}]`, []string{"Content-Type: application/json-patch+json"}, 400, "json_too_deep"},
		{"deep JSON in a compressed import", "POST", "/lines", gzipped(t, "{\"id\":1,\"v\":\"a\"}\n{\"id\":2,\"v\":"+deep(70)+"}\n"), []string{"Content-Encoding: gzip", sendsLines}, 400, `"line":2`},
	} {
		for _, chunked := range []bool{false, true} {
			var body io.Reader = strings.NewReader(tt.body)
			if chunked {
				body = struct{ io.Reader }{body}
			}
			req, err := http.NewRequest(tt.method, s.URL+"/rest/v1"+tt.path, body)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range tt.header {
				name, value, _ := strings.Cut(h, ": ")
				req.Header.Set(name, value)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Errorf("%s (chunked: %v): %v", tt.name, chunked, err)
				continue
			}
			b, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || resp.StatusCode != tt.status || !strings.Contains(string(b), tt.want) {
				t.Errorf("%s (chunked: %v): %d %.300s, %v", tt.name, chunked, resp.StatusCode, b, err)
			}
			if tt.status == 201 { // the second one makes it again
				exec(t, db, `delete from public.documents where id > 2000`)
			}
		}
	}
	if rows := rowsOf(t, db, "(select id from public.documents where id > 2000 union all select id from public.lines)"); len(rows) > 0 {
		t.Errorf("something was written: %s", rows)
	}
	if peak := peakMemory(t, s); peak > 250*mb {
		t.Errorf("the process had %d MB in memory", peak/mb)
	}
}

func compressedImports(t *testing.T, s *server, db *dbtest.DB) {
	var lines, csv strings.Builder
	csv.WriteString("id,v\n")
	for i := range 20000 {
		fmt.Fprintf(&lines, "{\"id\":%d,\"v\":\"value %d\"}\n", i, i)
		fmt.Fprintf(&csv, "%d,value %d\n", i, i)
	}
	for _, tt := range [][3]string{
		{gzipped(t, lines.String()), "Content-Encoding: gzip", sendsLines},
		{zstandard(t, lines.String()), "Content-Encoding: zstd", sendsLines},
		{gzipped(t, csv.String()), "Content-Encoding: gzip", sendsCSVCopy},
	} {
		if a := s.call(t, "POST", "/rest/v1/lines", tt[0], tt[1:]...); a.Status != 201 {
			t.Fatalf("%v: %d %s", tt[1:], a.Status, a.Body)
		}
		if rows := rowsOf(t, db, "(select count(*), sum(id) from public.lines)"); !slices.Equal(rows, []string{"(20000,199990000)"}) {
			t.Errorf("%v: %s", tt[1:], rows)
		}
		exec(t, db, `truncate public.lines`)
		a := s.call(t, "POST", "/rest/v1/lines", tt[0][:len(tt[0])/2], tt[1:]...)
		if a.Status != 400 || !strings.Contains(a.Body, "as Content-Encoding says") {
			t.Errorf("%v: of half of it: %d %.300s", tt[1:], a.Status, a.Body)
		}
		if rows := rowsOf(t, db, "public.lines"); len(rows) > 0 {
			t.Errorf("%v: half of it is in", tt[1:])
		}
	}
}

func compressedAnswers(t *testing.T, s *server) {
	const list, row = "/rest/v1/documents?order=id&limit=500", "/rest/v1/documents?id=eq.1000"
	const gzips = "Accept-Encoding: gzip"
	// Go's client would decompress by itself, but for a coding that was asked for.
	plain := s.call(t, "GET", list, "", "Accept-Encoding: identity")
	for _, coding := range []string{"gzip", "zstd"} {
		a := s.call(t, "GET", list, "", "Accept-Encoding: "+coding)
		body := decompressed(t, a)
		if a.Header.Get("Content-Encoding") != coding || body != plain.Body || len(a.Body) > len(body)/2 || a.Header.Get("Content-Length") != fmt.Sprint(len(a.Body)) {
			t.Errorf("%s: %d of %d bytes, %v", coding, len(a.Body), len(body), a.Header)
		}
		for _, name := range []string{"Etag", "Vary", "Content-Range", "Content-Location"} {
			if got, want := a.Header[name], plain.Header[name]; !slices.Equal(got, want) || len(want) == 0 {
				t.Errorf("%s: %s is %q, and else %q", coding, name, got, want)
			}
		}
		head := s.call(t, "HEAD", list, "", "Accept-Encoding: "+coding)
		if head.Status != 200 || !slices.Equal(head.Header["Vary"], plain.Header["Vary"]) || !slices.Equal(head.Header["Etag"], plain.Header["Etag"]) {
			t.Errorf("HEAD: %d %v", head.Status, head.Header)
		}
		same := s.call(t, "GET", list, "", "Accept-Encoding: "+coding, "If-None-Match: "+a.Header.Get("Etag"))
		if same.Status != 304 || same.Body != "" || same.Header.Get("Content-Encoding") != "" || !slices.Equal(same.Header["Vary"], plain.Header["Vary"]) {
			t.Errorf("asked again: %d %v", same.Status, same.Header)
		}
		for _, as := range []string{asLines, asCSVStream, "Accept: text/csv"} {
			want := s.call(t, "GET", list, "", as, "Accept-Encoding: identity")
			a := s.call(t, "GET", list, "", as, "Accept-Encoding: "+coding)
			if a.Header.Get("Content-Encoding") != coding || decompressed(t, a) != want.Body {
				t.Errorf("%s, %s: %d of %d bytes, %v", as, coding, len(a.Body), len(want.Body), a.Header)
			}
		}
	}
	if vary := strings.Join(plain.Header["Vary"], ", "); !strings.Contains(vary, "Accept-Encoding") || !strings.Contains(vary, "Accept, Prefer, Range") {
		t.Errorf("Vary: %s", vary)
	}
	// The version of a row is one of bytes, so it comes as it is; who took it that way may
	// write with it.
	a := s.call(t, "GET", row, "", gzips)
	if tag := a.Header.Get("Etag"); a.Header.Get("Content-Encoding") != "" || tag == "" || strings.HasPrefix(tag, "W/") || len(a.Body) < 50_000 {
		t.Errorf("a row: %d bytes, %v", len(a.Body), a.Header)
	}
	for _, want := range []int{204, 412} {
		if b := s.call(t, "PATCH", row, `{"note":"changed"}`, "If-Match: "+a.Header.Get("Etag"), gzips); b.Status != want {
			t.Errorf("If-Match: %d %s, want %d", b.Status, b.Body, want)
		}
	}
	if a := s.call(t, "GET", "/livez", "", gzips); a.Header.Get("Content-Encoding") != "" || a.Body != "ok\n" {
		t.Errorf("/livez: %v %q", a.Header, a.Body)
	}

	// What curl asks for and understands is in its list of features.
	out, err := osexec.Command("curl", "-sS", "--compressed", "-D", "/dev/stderr", s.URL+list).Output()
	if err != nil || string(out) != plain.Body {
		t.Errorf("curl: %d bytes, %v", len(out), err)
	}
}

// decompressed is the body of a as it was before.
func decompressed(t *testing.T, a answer) string {
	t.Helper()
	var rd io.Reader = strings.NewReader(a.Body)
	var err error
	switch a.Header.Get("Content-Encoding") {
	case "gzip":
		rd, err = gzip.NewReader(rd)
	case "zstd":
		rd, err = zstd.NewReader(rd)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(rd)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// An answer that is too long is an error in its place; a stream of rows breaks off.
func answersOverTheirLimit(t *testing.T, s *server, db *dbtest.DB) {
	exec(t, db, `insert into public.lines select i, repeat('x', 1000) from generate_series(1, 2000) as i`)
	defer exec(t, db, `truncate public.lines`)
	if a := s.call(t, "GET", "/rest/v1/nothing", ""); a.Status != 404 || !strings.Contains(a.Body, "PGRST205") {
		t.Errorf("an error has a limit: %d %s", a.Status, a.Body)
	}
	for _, header := range []string{"Accept-Encoding: identity", "Accept-Encoding: zstd"} {
		if a := s.call(t, "GET", "/rest/v1/lines?limit=900", "", header); a.Status != 200 {
			t.Errorf("%s: %d", header, a.Status)
		}
		a := s.call(t, "GET", "/rest/v1/lines", "", header)
		if a.Status != 413 || !strings.Contains(a.Body, `"code":"response_too_large"`) || !strings.Contains(a.Body, `{"limit_bytes":1048576,"route_class":"rest"}`) ||
			a.Header.Get("Etag")+a.Header.Get("Content-Range")+a.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %.300s %v", header, a.Status, a.Body, a.Header)
		}
		if a, err := s.try("GET", "/rest/v1/lines", "", header, asLines); err == nil {
			t.Errorf("%s: a stream ended well after %d bytes", header, len(a.Body))
		}
	}
}

// A URL as full of parameters as it may be is answered, with what they say or with what is
// wrong with them, and soon enough.
func manyParameters(t *testing.T, s *server) {
	for name, tt := range map[string]struct {
		query  string
		status int
	}{
		"filters":   {strings.Repeat("&id=eq.1", 7000)[1:], 200},
		"selects":   {strings.Repeat("&select=id", 6000)[1:], 200},
		"orders":    {strings.Repeat("&order=id", 6000)[1:], 200},
		"limits":    {strings.Repeat("&limit=1", 7000)[1:], 200},
		"logic":     {strings.Repeat("&or=(id.eq.1,id.eq.2)", 500)[1:], 200},
		"names":     {strings.Repeat("&a=1", 15000)[1:], 400},
		"columns":   {"select=" + strings.Repeat("id,", 1500) + "id", 200},
		"and again": {strings.Repeat("&&", 30000), 200},
	} {
		a := s.call(t, "GET", "/rest/v1/documents?"+tt.query, "")
		var any any
		if err := json.Unmarshal([]byte(a.Body), &any); err != nil || a.Status != tt.status {
			t.Errorf("%s: %d %.300s", name, a.Status, a.Body)
		}
	}
}
