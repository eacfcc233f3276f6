package tests

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/tests/dbtest"
	"github.com/fluxbase/fluxbase/tests/deno"
)

// functionsEnv is what functions take beside what startServer gives.
func functionsEnv(t *testing.T) []string {
	return []string{"FLUXBASE_DENO_BIN=" + deno.Bin(t), "FLUXBASE_ENCRYPTION_KEY=" + encryptionKey}
}

// startFunctions runs a process that serves functions, and hears of their changes.
func startFunctions(t *testing.T, db *dbtest.DB, name string, env ...string) *server {
	t.Helper()
	t.Cleanup(func() { dropSlot(t, db, "fluxbase_"+db.Name+"_"+name) })
	s := startServer(t, db, append(append(functionsEnv(t), streams(db, name)...), env...)...)
	eventually(t, name+" streams", func() bool {
		a, err := s.try("GET", "/readyz", "")
		return err == nil && a.Body == "ready\n"
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, tail(s.Log()))
		}
	})
	return s
}

// source is the code of a function of the tests.
func source(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/functions", name, "index.ts"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// deployed deploys functions of the tests by SQL; NAME! lets everybody in.
func deployed(t *testing.T, db *dbtest.DB, names ...string) {
	t.Helper()
	conn := db.Conn(t)
	for _, name := range names {
		name, open := strings.CutSuffix(name, "!")
		files, _ := json.Marshal(map[string]string{"index.ts": source(t, name)})
		if _, err := conn.Exec(t.Context(), `select functions.deploy($1, $2, verify_jwt => $3)`, name, string(files), !open); err != nil {
			t.Fatal(err)
		}
	}
}

// Operators deploy and look after functions over HTTP, as psql does; nobody sees a secret.
func TestOperatorsOfFunctions(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	s := startServer(t, db, "FLUXBASE_ENCRYPTION_KEY="+encryptionKey, "PATH=/nowhere") // without Deno
	conn := db.Conn(t)
	_, key := issued(t, conn, `modules => array['functions']`)
	_, other := issued(t, conn, `modules => array['jobs']`)
	admin := func(want, method, path, body string, header ...string) string {
		t.Helper()
		if len(header) == 0 {
			header = []string{"apikey: " + key}
		}
		return s.code(t, want, method, "/api/v1/admin"+path, body, header...).Body
	}
	for method, path := range map[string]string{"GET": "/functions", "POST": "/functions/hello/deploy", "DELETE": "/functions/hello", "PATCH": "/functions/hello"} {
		admin("401 unauthorized", method, path, "", "X-None: x")
		admin("403 forbidden", method, path, "", "Authorization: Bearer "+userToken(t, ada))
		admin("403 key_module", method, path, "", "apikey: "+other)
	}
	admin("403 key_module", "GET", "/service-keys", "")
	for body, want := range map[string]string{
		``: "400 22023", `{"files":{}}`: "400 22023", `{"files":{"../index.ts":"x"}}`: "400 22023", `{"files":{"main.ts":"x"}}`: "400 22023",
		`{"files":{"index.ts":"x"},"limits":{"nope":1}}`: "400 22023", `{"code":"x"}`: "400 invalid_request", `[]`: "400 invalid_request",
		`{"files":{"index.ts":"\u0000"}}`: "400 22P05",
	} {
		admin(want, "POST", "/functions/hello/deploy", body)
	}
	admin("404 function_not_found", "GET", "/functions/hello", "")
	admin("404 function_not_found", "GET", "/functions/hello/versions", "")
	admin("404 function_not_found", "DELETE", "/functions/hello", "")
	admin("404 function_not_found", "PATCH", "/functions/hello", `{"verify_jwt":false}`)
	admin("404 function_not_found", "POST", "/functions/hello/rollback", ``)

	if got := admin("201", "POST", "/functions/hello/deploy", `{"files":{"index.ts":"Deno.serve(() => new Response('1'))"},"verify_jwt":false,"note":"first"}`); !strings.Contains(got, `"version":1`) || !strings.Contains(got, `"unconfirmed":[]`) {
		t.Errorf("deployed: %s", got)
	}
	form := strings.ReplaceAll(`--b
Content-Disposition: form-data; name="metadata"

{"entrypoint":"src/main.ts","limits":{"wall_ms":1000}}
--b
Content-Disposition: form-data; name="file"; filename="src/main.ts"

import "./lib/a.ts"
--b
Content-Disposition: form-data; name="file"; filename="src/lib/a.ts"

// a
--b
Content-Disposition: form-data; name="file"; filename="src/logo.png"
Content-Type: image/png

`+"\x89PNG\xff"+`
--b--
`, "\n", "\r\n")
	if got := admin("201", "POST", "/functions/hello/deploy", form, "apikey: "+key, "Content-Type: multipart/form-data; boundary=b"); !strings.Contains(got, `"version":2`) {
		t.Errorf("deployed: %s", got)
	}
	gives(t, db, `src/lib/a.ts 4, src/logo.png 5, src/main.ts 19`, `select string_agg(path || ' ' || length(content), ', ' order by path) from functions.code('hello', 2)`)
	admin("415 unsupported_media_type", "POST", "/functions/hello/deploy", "x", "apikey: "+key, "Content-Type: application/zip")
	admin("400 invalid_request", "POST", "/functions/hello/deploy", "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n--b--\r\n", "apikey: "+key, "Content-Type: multipart/form-data; boundary=b")
	var one struct {
		Version    int
		Entrypoint string
		VerifyJWT  bool `json:"verify_jwt"`
		WallMS     int  `json:"wall_ms"`
	}
	if err := json.Unmarshal([]byte(admin("200", "GET", "/functions/hello", "")), &one); err != nil || one.Version != 2 || one.Entrypoint != "src/main.ts" || one.VerifyJWT || one.WallMS != 1000 {
		t.Errorf("got %+v %v", one, err)
	}
	admin("200", "PATCH", "/functions/hello", `{"verify_jwt":true,"wall_ms":null}`)
	admin("200", "POST", "/functions/hello/rollback", `{"version":1}`)
	admin("404 function_not_found", "POST", "/functions/hello/rollback", `{"version":7}`)
	if got := admin("200", "GET", "/functions/hello/versions", ""); strings.Count(got, `"digest"`) != 2 {
		t.Errorf("versions: %s", got)
	}
	if got := admin("200", "GET", "/functions", ""); strings.Count(got, `"name":"hello"`) != 1 || !strings.Contains(got, `"version":1`) {
		t.Errorf("functions: %s", got)
	}

	admin("200", "POST", "/function-secrets", `{"API_KEY":"hunter2","OTHER":"x\ny"}`)
	for body, want := range map[string]string{`{}`: "400 invalid_request", `{"SUPABASE_URL":"x"}`: "400 22023", `{"lower":"x"}`: "400 22023", `{"A":1}`: "400 invalid_request", `{"A":"\u0000"}`: "400 invalid_request"} {
		admin(want, "POST", "/function-secrets", body)
	}
	if got := admin("200", "GET", "/function-secrets", ""); !strings.Contains(got, `"API_KEY"`) || strings.Contains(got, "hunter2") || strings.Contains(got, "fbs1") {
		t.Errorf("secrets: %s", got)
	}
	admin("200", "DELETE", "/function-secrets/OTHER", "")
	admin("404 function_not_found", "DELETE", "/function-secrets/OTHER", "")
	gives(t, db, "API_KEY", `select string_agg(name, ',') from functions.secret_names()`)

	a := s.code(t, "503 functions_unavailable", "POST", "/functions/v1/hello", "", "Authorization: Bearer "+userToken(t, ada))
	if a.Header.Get("X-Relay-Error") != "true" || !strings.Contains(s.Log(), "there is no Deno") {
		t.Errorf("without Deno: %v", a.Header)
	}
	admin("200", "DELETE", "/functions/hello", "")
	eventually(t, "it is gone", func() bool { return s.call(t, "POST", "/functions/v1/hello", "").Status == 404 })
	if strings.Contains(s.Log(), "hunter2") {
		t.Error("a secret is in the log")
	}
}
