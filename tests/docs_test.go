package tests

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/cluster"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// A page of the docs is a script: its fenced blocks are run in order, in a folder of
// their own, by a real shell with the real binary. What stands after the language
// (not shown to a reader) says how:
//
//	sh                 run; every command in it must succeed
//	sh status=1        run; the last failing command ends with this status
//	sh background      run until the end of the page; the text that follows is waited for
//	text               the output of the block before
//	text browser URL   what a browser shows at URL, which the shell expands first
//	text tree          not run; each line begins with a path that must be there
//	sql, html, bash …  written to the file that the comment on its first line names
//
// In a text … stands for anything within a line, or as a line of its own for any
// lines. In a command, … is what an earlier output had in its place: 'apikey: …'.
type fence struct {
	line       int
	lang, info string
	text       string
}

// fences returns the blocks of a page that say what they are.
func fences(t *testing.T, path string) []fence {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []fence
	inside := false
	number := 0
	for line := range strings.Lines(string(page)) {
		number++
		mark, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && !inside:
			lang, info, _ := strings.Cut(strings.TrimSpace(mark), " ")
			out = append(out, fence{line: number, lang: lang, info: info})
			inside = true
		case isFence:
			inside = false
		case inside:
			out[len(out)-1].text += line
		}
	}
	if inside {
		t.Fatalf("%s: the block of line %d has no end", path, out[len(out)-1].line)
	}
	return out
}

// runPage runs the blocks of a page; env is added to the shell's environment, and
// each pair of swap replaces what the page says by what this run has.
func runPage(t *testing.T, path string, env []string, swap ...string) {
	t.Helper()
	port, pages := freePort(t), freePort(t)
	swap = append(swap, "127.0.0.1:8080", "127.0.0.1:"+port, "127.0.0.1:8000", "127.0.0.1:"+pages)
	s := startShell(t, append(env, "FLUXBASE_SERVER_PORT="+port))
	serveFolder(t, s.dir, pages)
	replace := strings.NewReplacer(swap...)
	blocks := fences(t, path)
	// initdb is for the README, which says make dev.
	if slices.ContainsFunc(blocks, func(f fence) bool { return strings.Contains(f.text, "fluxbase dev") }) {
		s.seedDev()
	}
	var last *ran
	for _, f := range blocks {
		s.where = fmt.Sprintf("%s:%d", path, f.line)
		f.text = replace.Replace(f.text)
		switch {
		case f.lang == "", f.info == "tree":
		case f.lang == "sh":
			last = s.run(f)
		case f.lang == "text" && strings.HasPrefix(f.info, "browser "):
			url := s.expand(replace.Replace(strings.TrimPrefix(f.info, "browser ")))
			s.compare(f.text, browse(t, url))
		case f.lang == "text" && last != nil:
			s.expect(f.text, last)
		case f.lang == "yaml":
			s.checkWorkflow(f.text)
			s.write(f.text)
		case f.lang != "text":
			s.write(f.text)
		default:
			t.Fatalf("%s: a text without a command before it", s.where)
		}
	}
}

func TestReadme(t *testing.T) {
	t.Parallel()
	// A reader's `make dev` builds and runs what is built here already.
	tools := t.TempDir()
	script := "#!/bin/sh\n[ \"$*\" = dev ] && exec fluxbase dev\n"
	if err := os.WriteFile(filepath.Join(tools, "make"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	runPage(t, "../README.md", []string{"PATH=" + tools + ":" + os.Getenv("PATH")})
}

func TestFirstApp(t *testing.T) {
	t.Parallel()
	// npm need not ask again for what make test has fetched.
	runPage(t, "../docs/how-to/first-app.md", []string{"npm_config_prefer_offline=true", "npm_config_update_notifier=false"})
}

func TestExportAndImportPage(t *testing.T) {
	t.Parallel()
	runPage(t, "../docs/how-to/export-and-import.md", nil)
}

func TestMigrationsInCI(t *testing.T) {
	t.Parallel()
	// A server of its own: the page begins where nobody has made our roles yet.
	db := dbtest.Private(t, dbtest.Options{}).Empty(t)
	runPage(t, "../docs/how-to/migrations-in-ci.md", nil,
		"postgres://postgres:postgres@127.0.0.1:5432/postgres", db.AdminURL())
}

func TestMovingFromPostgREST(t *testing.T) {
	t.Parallel()
	// A server of its own: the page makes roles and sets parameters of them.
	db := dbtest.Private(t, dbtest.Options{}).Empty(t)
	admin, err := url.Parse(db.AdminURL())
	if err != nil {
		t.Fatal(err)
	}
	login := *admin
	login.User = url.UserPassword("web_login", "mysecretpassword")
	runPage(t, "../docs/how-to/moving-from-postgrest.md",
		[]string{"PATH=" + dbtest.Binaries(t, dbtest.Version()) + ":" + os.Getenv("PATH")},
		"postgres://postgres:postgres@127.0.0.1:5432/postgres", admin.String(),
		"postgres://web_login:mysecretpassword@127.0.0.1:5432/postgres", login.String())
}

func TestQueryMore(t *testing.T) {
	t.Parallel()
	runPage(t, "../docs/how-to/query-more.md", nil)
}

func TestPagesPage(t *testing.T) {
	t.Parallel()
	runPage(t, "../docs/how-to/pages.md", []string{"PATH=" + toolsFolder(t) + ":" + os.Getenv("PATH")})
}

func TestStreamChanges(t *testing.T) {
	t.Parallel()
	// A server of its own: the page begins where nobody has made our roles yet.
	db := dbtest.Private(t, dbtest.Options{}).Empty(t)
	tools := toolsFolder(t)
	runPage(t, "../docs/how-to/stream-changes.md",
		[]string{"PATH=" + tools + ":" + os.Getenv("PATH"), "FLUXBASE_SERVER_METRICS_ADDRESS=off"},
		"postgres://postgres:postgres@127.0.0.1:5432/postgres", db.AdminURL())
}

func TestRealtimePage(t *testing.T) {
	t.Parallel()
	// A server of its own: the page begins where nobody has made our roles yet.
	db := dbtest.Private(t, dbtest.Options{}).Empty(t)
	tools := toolsFolder(t)
	runPage(t, "../docs/how-to/realtime.md",
		[]string{
			"PATH=" + tools + ":" + os.Getenv("PATH"), "FLUXBASE_SERVER_METRICS_ADDRESS=off",
			"NODE_OPTIONS=--experimental-websocket", "NODE_NO_WARNINGS=1",
			"npm_config_prefer_offline=true", "npm_config_update_notifier=false",
		},
		"postgres://postgres:postgres@127.0.0.1:5432/postgres", db.AdminURL())
}

func TestWriteTogetherPage(t *testing.T) {
	t.Parallel()
	runPage(t, "../docs/how-to/write-together.md", nil)
}

// runDemoPage runs a page whose reader has the demo schema in a database, and the
// settings of a server for it in the environment.
func runDemoPage(t *testing.T, path string, env ...string) {
	t.Helper()
	db := demoDB(t)
	runPage(t, path, append([]string{
		"PATH=" + toolsFolder(t) + ":" + os.Getenv("PATH"), "FLUXBASE_SERVER_METRICS_ADDRESS=off", "DATABASE_URL=" + db.AdminURL(),
	}, append(serveEnv(db), env...)...))
}

func TestTrustAnIssuer(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/trust-an-issuer.md")
}

func TestOpenAPIPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/reference/openapi.md", "FLUXBASE_SERVICE_ROLE_KEY="+signToken(t, map[string]any{"role": "service_role"}))
}

func TestFollowARequest(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/follow-a-request.md")
}

// The tests that the page about security names as proof are there.
func TestProofsOfSecurityExist(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for name := range sources(t) {
		if strings.HasSuffix(name, "_test.go") {
			text, err := os.ReadFile("../" + name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
				there[m[1]] = true
			}
		}
	}
	page, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test\\w+)`")
	for line := range strings.Lines(string(page)) {
		proofs := named.FindAllStringSubmatch(line, -1)
		for _, m := range proofs {
			if !there[m[1]] {
				t.Errorf("docs/security.md names %s, which is not there", m[1])
			}
		}
		if isRisk := strings.HasPrefix(line, "| API"); isRisk && len(proofs) == 0 {
			t.Errorf("nothing proves %s", line)
		}
	}
	for i := range 10 {
		if !strings.Contains(string(page), fmt.Sprintf("\n| API%d ", i+1)) {
			t.Errorf("API%d is missing", i+1)
		}
	}
	// Each requirement of ASVS 5.0 up to level 2, of the chapters that are about auth.
	for section, numbers := range map[string]string{
		"6.1": "1 2 3", "6.2": "1 2 3 4 5 6 7 8 9 10 11 12", "6.3": "1 2 3 4", "6.4": "1 2 3 4", "6.5": "1 2 3 4 5", "6.6": "1 2 3", "6.8": "1 2 3 4",
		"7.1": "1 2 3", "7.2": "1 2 3 4", "7.3": "1 2", "7.4": "1 2 3 4 5", "7.5": "1 2", "7.6": "1 2", "9.1": "1 2 3", "9.2": "1 2 3 4",
		"10.1": "1 2", "10.2": "1 2", "10.3": "1 2 3 4", "10.4": "1 2 3 4 5 6 7 8 9 10 11", "10.5": "1 2 3 4 5", "10.6": "1 2", "10.7": "1 2 3",
	} {
		for _, n := range strings.Fields(numbers) {
			row := regexp.MustCompile(`(?m)^\| `+regexp.QuoteMeta(section+"."+n)+` \| (.*) \| (.*)\|$`).FindAllStringSubmatch(string(page), -1)
			if len(row) != 1 {
				t.Errorf("%s.%s has %d rows", section, n, len(row))
			} else if row[0][2] == "" && !strings.HasPrefix(row[0][1], "yours") && !strings.HasPrefix(row[0][1], "does not apply") {
				t.Errorf("nothing proves %s.%s, and nothing says why", section, n)
			}
		}
	}
}

func TestLimitBodiesPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/limit-bodies.md")
}

func TestPasswordsPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/passwords.md", authEnv()...)
}

func TestSignInByMailPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/sign-in-by-mail.md", append(authEnv(), startSMTP(t).env()...)...)
}

func TestSecondFactorsPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/second-factors.md", authEnv()...)
}

func TestGuardTheAPI(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/guard-the-api.md")
}

func TestRetrySafelyPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/retry-safely.md")
}

func TestLimitRequestsPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/limit-requests.md")
}

func TestServeToTheInternetPage(t *testing.T) {
	t.Parallel()
	db := demoDB(t)
	runPage(t, "../docs/how-to/serve-to-the-internet.md",
		append(serveEnv(db), "PATH="+os.Getenv("PATH")+":/usr/sbin", "FLUXBASE_SERVER_METRICS_ADDRESS=off"),
		"8443", freePort(t), "8444", freePort(t))
}

func TestSizeThePoolsPage(t *testing.T) {
	t.Parallel()
	db, port := demoDB(t), freePort(t)
	runPage(t, "../docs/how-to/size-the-pools.md", append(serveEnv(db),
		"PATH="+toolsFolder(t)+":"+os.Getenv("PATH"), "DATABASE_URL="+db.AdminURL(), "FLUXBASE_SERVER_METRICS_ADDRESS=127.0.0.1:"+port,
	), "127.0.0.1:9091", "127.0.0.1:"+port)
}

func TestScheduleJobsPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/schedule-jobs.md")
}

func TestServiceKeysPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/service-keys.md")
}

func TestJobsPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/jobs.md")
}

func TestDeployFunctionsPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/deploy-functions.md", functionsEnv(t)...)
}

func TestFunctionsPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/functions.md", functionsEnv(t)...)
}

func TestMoveFunctionsFromSupabasePage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/move-functions-from-supabase.md", functionsEnv(t)...)
}

func TestMailPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/mail.md", authEnv()...)
}

func TestAuthHooksPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/auth-hooks.md", authEnv()...)
}

func TestSignInWithProvidersPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/sign-in-with-providers.md", authEnv()...)
}

func TestSigningKeysPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/signing-keys.md")
}

// sources are the files that a page may name: those that git would keep.
func sources(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, "../")
		switch d.Name() {
		case ".git", ".fluxbase", "node_modules", "dist":
			if d.IsDir() { // of a file it would skip its whole folder
				return filepath.SkipDir
			}
			return nil
		}
		known[name] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return known
}

var (
	inlineCode = regexp.MustCompile("`([^`\n]+)`")
	mdLink     = regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)
	treeLine   = regexp.MustCompile(`^ *(\S+)(  .*)?\n$`)
	aPath      = regexp.MustCompile(`^(cmd|proxy|replication|sql|plpgsql|tests|sdk|docs)/[A-Za-z0-9_./-]*$`)
)

// What a page names must be there: a file in `code`, the target of a link, a line of
// the README's tree.
func TestSafeUpdatesPage(t *testing.T) {
	t.Parallel()
	runPage(t, "../docs/how-to/safe-updates.md", []string{"PATH=" + toolsFolder(t) + ":" + os.Getenv("PATH")})
}

func TestDocsNameWhatExists(t *testing.T) {
	t.Parallel()
	known := sources(t)
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	howTo, err := filepath.Glob("../docs/*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, page := range append(append(pages, howTo...), "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		check := func(path string) {
			named++
			if path = strings.TrimSuffix(path, "/"); !known[path] {
				t.Errorf("%s names %s, which is not there", page, path)
			}
		}
		for _, m := range inlineCode.FindAllStringSubmatch(string(text), -1) {
			if aPath.MatchString(m[1]) {
				check(m[1])
			}
		}
		for _, m := range mdLink.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(m[1], "://") {
				check(strings.TrimPrefix(filepath.Join(filepath.Dir(page), m[1]), "../"))
			}
		}
		for _, f := range fences(t, page) {
			if f.info != "tree" {
				continue
			}
			folder := ""
			for line := range strings.Lines(f.text) {
				m := treeLine.FindStringSubmatch(line)
				if m == nil {
					continue
				}
				if line[0] != ' ' {
					folder = ""
				}
				check(folder + m[1])
				if line[0] != ' ' && strings.HasSuffix(m[1], "/") {
					folder = m[1]
				}
			}
		}
	}
	if named < 40 {
		t.Errorf("only %d names were found in the docs: does this test still read them?", named)
	}
}

// freePort is one that nothing listens on now.
func freePort(t *testing.T) string {
	t.Helper()
	port, err := cluster.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

// serveFolder is the static web server that a reader has.
func serveFolder(t *testing.T, dir, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.FileServer(http.Dir(dir))}
	done := make(chan struct{})
	go func() { defer close(done); _ = web.Serve(l) }()
	t.Cleanup(func() { _ = web.Close(); <-done })
}
