package tests

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/functions"
	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/tests/dbtest"
	"github.com/fluxbase/fluxbase/tests/deno"
)

// writeFiles writes files below a folder of a test.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A project of Supabase's is deployed from its folder, looked at, rolled back and deleted.
func TestFunctionsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	root := t.TempDir()
	dir := filepath.Join(root, "supabase", "functions")
	writeFiles(t, root, map[string]string{
		"supabase/config.toml":                "[functions.open]\nverify_jwt = false\n",
		"supabase/functions/open/index.ts":    "import { a } from '../_shared/a.ts'; Deno.serve(() => new Response(a))",
		"supabase/functions/plain/index.ts":   "Deno.serve(() => new Response('1'))",
		"supabase/functions/_shared/a.ts":     "export const a = 'é\\0'",
		"supabase/functions/packed/index.ts":  "import \"jsr:@supabase/functions-js/edge-runtime.d.ts\";\nimport { b } from 'b';\nDeno.serve(() => new Response(b))",
		"supabase/functions/packed/lib.ts":    "export const b: string = 'bundled'",
		"supabase/functions/packed/deno.json": `{"imports": {"b": "./lib.ts"}}`,
	})
	env := []string{"DATABASE_URL=" + db.AdminURL(), "FLUXBASE_ENCRYPTION_KEY=" + encryptionKey, "FLUXBASE_DENO_BIN=/nowhere"}
	with := func(status int, want string, args ...string) string {
		t.Helper()
		o := runFluxbase(t, env, append([]string{"functions"}, args...)...)
		if o.status != status || !strings.Contains(o.out+o.errOut, want) {
			t.Fatalf("functions %q: %s\nwant status %d and %q", args, o, status, want)
		}
		return o.out
	}

	with(1, "packed/index.ts:2 imports b: packages are bundled when a function is deployed, which needs Deno here", "deploy", "--dir", dir)
	with(0, "NAME", "list")
	wantValue(t, db, "nothing is deployed if something can't be", `select count(*)::text from functions.versions`, "0")
	with(0, "open: version 1 is deployed, 2 file(s)", "deploy", "open", "--dir", dir, "--note", "one")

	env[2] = "FLUXBASE_DENO_BIN=" + deno.Bin(t)
	with(0, "open: unchanged, version 1\npacked: version 1 is deployed, 2 file(s)", "deploy", "--dir", dir)
	wantValue(t, db, "how each goes", `
		select string_agg(format('%s %s %s', l.name, l.entrypoint, l.verify_jwt), ', ' order by l.name) from functions.list() as l`,
		"open open/index.ts f, packed packed/index.js t, plain index.ts t")
	wantValue(t, db, "the bundle has what was imported, and no import is left", `
		select (convert_from(c.content, 'UTF8') ~ 'bundled' and convert_from(c.content, 'UTF8') !~ 'import|edge-runtime')::text
		from functions.code('packed', 1) as c where c.path = 'packed/index.js'`, "true")
	wantValue(t, db, "its map names the files, and not where they were", `
		select (convert_from(c.content, 'UTF8')::jsonb -> 'sources')::text from functions.code('packed', 1) as c where c.path like '%.map'`,
		`["index.ts", "lib.ts"]`)

	writeFiles(t, dir, map[string]string{"plain/index.ts": "Deno.serve(() => new Response('2'))"})
	with(0, "plain: version 2 is deployed", "deploy", "plain", "--dir", dir, "--no-verify-jwt")
	if list := with(0, "NAME", "list"); !strings.Contains(list, "plain   2        false") || !strings.Contains(list, "  one\n") {
		t.Errorf("the list:\n%s", list)
	}
	with(0, "plain: version 1 answers", "rollback", "plain")
	with(1, "no version before 1 is kept", "rollback", "plain")
	with(0, "plain: version 2 answers", "rollback", "plain", "2")
	for _, version := range []string{"two", "4294967297"} {
		with(2, "VERSION is a number", "rollback", "plain", version)
	}
	with(1, "no version -1", "rollback", "plain", "--", "-1")
	for _, lines := range []string{"0", "-1", "10001", "4294967297"} {
		with(2, "--lines is 1 to 10000", "logs", "plain", "-n", lines)
	}
	with(1, "uuid", "logs", "plain", "--invocation", "x")
	if versions := with(0, "VERSION", "versions", "plain"); !strings.Contains(versions, "\n2        true") || !strings.Contains(versions, "\n1        false") {
		t.Errorf("the versions:\n%s", versions)
	}
	with(1, "there is no function none", "deploy", "none", "--dir", dir)
	with(2, "or name another with --dir", "deploy", "--dir", dir+"x")
	with(0, "plain is deleted", "delete", "plain")
	with(1, "there is no function plain", "delete", "plain")
	with(1, "there is no function plain", "logs", "plain")
}

// Secrets are sealed before they go to the database, and sealed again when the key changes.
func TestSecretsOfFunctions(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	file := filepath.Join(t.TempDir(), ".env")
	writeFiles(t, filepath.Dir(file), map[string]string{".env": "# of tests\nFROM_FILE=\"a b\" \nSUPABASE_URL=http://x\n"})
	env := []string{"DATABASE_URL=" + db.AdminURL(), "FLUXBASE_ENCRYPTION_KEY=" + encryptionKey}
	with := func(status int, want string, args ...string) {
		t.Helper()
		if o := runFluxbase(t, env, append([]string{"functions", "secrets"}, args...)...); o.status != status || !strings.Contains(o.out+o.errOut, want) {
			t.Fatalf("functions secrets %q: %s\nwant status %d and %q", args, o, status, want)
		}
	}
	with(0, "SUPABASE_URL is left out", "set", "--env-file", file, "GIVEN=se=cret")
	with(1, "lower: a secret is named by", "set", "OTHER=x", "lower=x")
	with(1, "SUPABASE_KEY is not yours to set", "set", "SUPABASE_KEY=x")
	with(2, "Give NAME=VALUE", "set")
	with(0, "FROM_FILE", "list")
	cmd := osexec.CommandContext(t.Context(), fluxbaseBinary(t), "functions", "secrets", "set", "PIPED")
	cmd.Env, cmd.Stdin = append(os.Environ(), env...), strings.NewReader("two\nlines\n")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	opens := func(name, want string) {
		t.Helper()
		cfg := seal.Config{EncryptionKey: strings.TrimPrefix(env[1], "FLUXBASE_ENCRYPTION_KEY=")}
		keys, err := seal.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var sealed string
		scan(t, db, &sealed, `select s.sealed from functions.secrets as s where s.name = $1`, name)
		if got, err := keys.Open(sealed, functions.SecretPlace(name)); string(got) != want || strings.Contains(sealed, want) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
	opens("GIVEN", "se=cret")
	opens("FROM_FILE", "a b")
	opens("PIPED", "two\nlines")
	wantValue(t, db, "what failed is not there at all", `select string_agg(n.name, ' ') from functions.secret_names() as n`, "FROM_FILE GIVEN PIPED")

	const other = "bmV4dCBrZXkgb2YgYWxsIHRlc3RzLCAzMiBieXRlcyE="
	env[1] = "FLUXBASE_ENCRYPTION_KEY=" + other + "," + encryptionKey
	if o := runFluxbase(t, env, "keys", "rotate"); o.status != 0 || !strings.Contains(o.out, "functions.secrets.sealed: 3 sealed again") {
		t.Fatal(o)
	}
	env[1] = "FLUXBASE_ENCRYPTION_KEY=" + other
	opens("GIVEN", "se=cret")
	wantValue(t, db, "that is no change of what they are", `select functions.read_secrets() ->> 'version'`, "3")
	with(0, "GIVEN is unset", "unset", "GIVEN")
	with(1, "there is no secret GIVEN", "unset", "GIVEN")

	// The doctor tells of what does not open, and of what calls a function that is not there.
	exec(t, db, `select jobs.set_handler('mail', edge_function => 'gone')`)
	exec(t, db, `select jobs.schedule('nightly', '@daily', 'functions.invoke', '{"function": "lost"}', queue => 'functions')`)
	all, _ := diagnose(t, "DATABASE_URL="+db.AdminURL(), env[1])
	for _, want := range []string{"the handler of jobs of kind mail calls gone, which is not deployed", "the schedule nightly calls lost, which is not deployed"} {
		if found(all, "warn", want) == nil {
			t.Errorf("%q is not among %v", want, all)
		}
	}
	if found(all, "ok", "the 2 secret(s) of functions open") == nil {
		t.Errorf("secrets open, and the doctor says %v", all)
	}
	all, _ = diagnose(t, "DATABASE_URL="+db.AdminURL(), "FLUXBASE_ENCRYPTION_KEY="+encryptionKey)
	if found(all, "fail", "do not open with FLUXBASE_ENCRYPTION_KEY: FROM_FILE, PIPED") == nil {
		t.Errorf("secrets do not open, and the doctor says %v", all)
	}
}

// What a function says is followed, whichever order it comes in, and each line is printed once.
func TestLogsOfAFunctionAreFollowed(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `select functions.deploy('f', '{"index.ts": ""}')`)
	say := func(seq, age, text string) {
		exec(t, db, `select functions.record('[]', jsonb_build_array(jsonb_build_object('invocation', '0190b5b8-0000-7000-8000-0000deadbeef',
			'at', now() - interval '`+age+` s', 'seq', `+seq+`, 'function', 'f', 'version', 1, 'level', 'warn', 'message', '`+text+`')))`)
	}
	say("1", "9", "before the last")
	say("2", "8", "the last\n\x1b[2J")
	cmd := osexec.CommandContext(t.Context(), fluxbaseBinary(t), "functions", "logs", "f", "-f", "-n", "1")
	out := new(syncBuffer)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), "DATABASE_URL="+db.AdminURL()), out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	comes := func(text string) {
		t.Helper()
		eventually(t, "the line comes: "+text, func() bool { return strings.Contains(out.String(), text) })
	}
	comes("WARN  deadbeef  the last\n    \uFFFD[2J")
	say("4", "0", "new")
	comes("new")
	say("3", "5", "late")
	comes("late")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("a signal ends it: %v", err)
	}
	if got := out.String(); strings.Contains(got, "before") || strings.Count(got, "last") != 1 || strings.Count(got, "new") != 1 {
		t.Errorf("printed:\n%s", got)
	}
	if o := runFluxbase(t, []string{"DATABASE_URL=" + db.AdminURL()}, "functions", "logs", "f", "--level", "error"); o.status != 0 || o.out != "" {
		t.Error(o)
	}
}

// Who writes a function sees what it answers and says, and what is saved, as config.toml has it.
func TestFunctionsWhileTheyAreWritten(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	writeFiles(t, root, map[string]string{
		"config.toml":               "[functions.open]\nverify_jwt = false\n[functions.moved]\nentrypoint = './src/main.ts'\n[functions.off]\nenabled = false\n",
		"functions/open/index.ts":   "import { a } from '../_shared/a.ts'; Deno.serve(() => { console.log('said', Deno.env.get('OWN')); return new Response(a) })",
		"functions/_shared/a.ts":    "export const a: string = 'first'",
		"functions/closed/index.ts": "export default { fetch: (req: Request) => new Response('in ' + new URL(req.url).pathname) }",
		"functions/off/index.ts":    "",
		"src/main.ts":               "Deno.serve(() => new Response('moved'))",
		"functions/.env":            "OWN=\"of\nmine\"\n",
	})
	cmd := osexec.CommandContext(t.Context(), fluxbaseBinary(t), "functions", "serve", "--dir", filepath.Join(root, "functions"), "--address", "127.0.0.1:0")
	out := new(syncBuffer)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), "FLUXBASE_DENO_BIN="+deno.Bin(t), "FLUXBASE_JWT_SECRET="+jwtSecret, "TMPDIR=/tmp"), out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := func(text string) {
		t.Helper()
		eventually(t, "it says "+text, func() bool { return strings.Contains(out.String(), text) })
	}
	said("Ctrl-C stops")
	_, url, _ := strings.Cut(out.String(), "http://")
	url, _, _ = strings.Cut(url, "/")
	s := &server{URL: "http://" + url}
	gives := func(path string, status int, body string, header ...string) bool {
		t.Helper()
		a := s.call(t, "GET", "/functions/v1/"+path, "", header...)
		return a.Status == status && strings.Contains(a.Body, body)
	}
	user := "Authorization: Bearer " + userToken(t, ada)
	if !gives("open", 200, "first") || !gives("closed", 401, "Missing authorization") || !gives("closed/x", 200, "in /closed/x", user) || !gives("moved", 200, "moved", user) || !gives("off", 404, "", user) {
		t.Errorf("not what is written:\n%s", out)
	}
	said("open  said of\nmine")
	said("open  GET /open 200")
	writeFiles(t, root, map[string]string{"functions/_shared/a.ts": "export const a: string = 'another'"})
	eventually(t, "what is saved is served", func() bool { return gives("open", 200, "another") })
	writeFiles(t, root, map[string]string{"config.toml": "[functions.closed]\nverify_jwt = false\n"})
	eventually(t, "what config.toml says is done", func() bool { return gives("closed", 200, "in /closed") && gives("open", 401, "") })
	said("reloaded")
	writeFiles(t, root, map[string]string{"functions/open/index.ts": "nonsense("})
	eventually(t, "what is wrong is said", func() bool {
		gives("open", 503, "", user)
		return strings.Contains(out.String(), "Expression expected")
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("a signal ends it: %v\n%s", err, out)
	}
}

// wantValue compares what a query answers.
func wantValue(t *testing.T, db *dbtest.DB, what, query, want string) {
	t.Helper()
	if got := queryText(t, db, query); got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
