package tests

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// docShell is one bash session, in which a page is run block by block.
type docShell struct {
	t     *testing.T
	dir   string // where the reader stands
	notes string // scripts and outputs of the blocks, out of the reader's sight
	where string // file and line of the block, for messages

	cmd     *osexec.Cmd
	in      io.WriteCloser
	answers chan string
	blocks  []string          // what was run
	seen    map[string]string // what … stood for, by the text before it
}

// ran is a block that was run.
type ran struct {
	output     string // path of the file that it goes to
	background bool
}

func startShell(t *testing.T, env []string) *docShell {
	t.Helper()
	s := &docShell{t: t, dir: clusterFolder(t), notes: t.TempDir(), answers: make(chan string), seen: map[string]string{}}
	s.cmd = osexec.Command("bash", "--noprofile", "--norc", "-o", "pipefail", "-s")
	s.cmd.Dir = s.dir
	s.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LANG=C.UTF-8",
		"FLUXBASE_PG_BIN=" + dbtest.Binaries(t, dbtest.Version()),
	}, env...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	s.cmd.WaitDelay = 10 * time.Second
	stderr := new(syncBuffer)
	s.cmd.Stderr = stderr
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.answers)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			s.answers <- lines.Text()
		}
	}()
	t.Cleanup(func() { s.stop(stderr) })
	// Job control gives each background block a process group, which gets the
	// signal that a reader's Ctrl-C sends.
	s.send(`set -m; trap 'for group in $(jobs -p); do kill -INT -- -$group; done; wait' EXIT; PATH=` +
		filepath.Dir(fluxbaseBinary(t)) + `:$PATH`)
	return s
}

// seedDev makes the cluster that fluxbase dev finds where the reader stands.
func (s *docShell) seedDev() {
	s.t.Helper()
	dir := filepath.Join(s.dir, ".fluxbase")
	if err := os.Mkdir(dir, 0o711); err != nil {
		s.t.Fatal(err)
	}
	dbtest.Initdb(s.t, dbtest.Binaries(s.t, dbtest.Version()), dir)
}

// stop ends the session and what runs in its background.
func (s *docShell) stop(stderr *syncBuffer) {
	_ = s.in.Close() // bash reads the end, and its EXIT trap runs
	patience := time.AfterFunc(40*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer patience.Stop()
	for range s.answers {
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the page's shell ended with %v\n%s", err, stderr)
	}
}

func (s *docShell) send(line string) {
	s.t.Helper()
	if _, err := io.WriteString(s.in, line+"\n"); err != nil {
		s.t.Fatalf("%s: the shell is gone: %v", s.where, err)
	}
}

// answer is the next line that the session prints.
func (s *docShell) answer() string {
	s.t.Helper()
	select {
	case line, open := <-s.answers:
		if !open {
			s.t.Fatalf("%s: this block ended the shell", s.where)
		}
		return line
	case <-time.After(2 * time.Minute):
		s.t.Fatalf("%s: the block still runs after two minutes", s.where)
		return ""
	}
}

// expand gives text as the shell understands it within double quotes.
func (s *docShell) expand(text string) string {
	s.t.Helper()
	s.send(`echo "` + text + `"`)
	return s.answer()
}

// run runs a block in the session, with all its output going to a file.
func (s *docShell) run(f fence) *ran {
	s.t.Helper()
	name := filepath.Join(s.notes, fmt.Sprint(len(s.blocks)))
	script, r := s.fill(f.text), &ran{output: name + ".out", background: f.info == "background"}
	s.blocks = append(s.blocks, script)
	if err := os.WriteFile(name+".sh", []byte(script), 0o600); err != nil {
		s.t.Fatal(err)
	}
	source := fmt.Sprintf(`. %s.sh >%s.out 2>&1 </dev/null`, name, name)
	if r.background {
		s.send(source + " &")
		return r
	}
	s.send(`status=0; trap 'status=$?' ERR; ` + source + `; trap - ERR; echo $status`)
	want := "0"
	if status, ok := strings.CutPrefix(f.info, "status="); ok {
		want = status
	} else if f.info != "" {
		s.t.Fatalf("%s: nobody knows what %q means here", s.where, f.info)
	}
	if got := s.answer(); got != want {
		s.t.Fatalf("%s: status %s, want %s\n%s\n%s", s.where, got, want, script, s.output(r))
	}
	return r
}

func (s *docShell) output(r *ran) string {
	out, err := os.ReadFile(r.output)
	if err != nil && !os.IsNotExist(err) { // a background block may not have begun
		s.t.Fatal(err)
	}
	return string(out)
}

// expect compares a text with the output before it, or waits for it.
func (s *docShell) expect(text string, r *ran) {
	s.t.Helper()
	if !r.background {
		s.compare(text, s.output(r))
		return
	}
	pattern := regexp.MustCompile(`(?m)^` + patternOf(text) + `$`)
	deadline, tick := time.After(time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		if match := pattern.FindStringSubmatch(s.output(r)); match != nil {
			s.remember(text, match)
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("%s: this output does not come\n--- want\n%s--- got\n%s", s.where, text, s.output(r))
		}
	}
}

func (s *docShell) compare(text, got string) {
	s.t.Helper()
	match := regexp.MustCompile(`^` + patternOf(text) + `$`).FindStringSubmatch(got)
	if match == nil {
		s.t.Errorf("%s: the output differs\n--- want\n%s--- got\n%s", s.where, text, got)
		return
	}
	s.remember(text, match)
}

// patternOf makes a regular expression of a text: … is a group, and space at the
// ends of lines and of the text is nothing.
func patternOf(text string) string {
	var out []string
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		line = strings.TrimRight(line, " \n")
		if line == "…" {
			out = append(out, `((?s:.*?))`)
			continue
		}
		out = append(out, strings.ReplaceAll(regexp.QuoteMeta(line), "…", `(.*?)`)+`[ \t]*`)
	}
	return strings.Join(out, `\n`) + `\n*`
}

// beforeDots finds each … with what stands before it since the last quote.
var beforeDots = regexp.MustCompile(`([^'"\n…]*)…`)

func (s *docShell) remember(text string, match []string) {
	for i, m := range beforeDots.FindAllStringSubmatch(text, -1) {
		s.seen[strings.TrimLeft(m[1], " ")] = match[i+1]
	}
}

// fill puts what was seen in the place of each ….
func (s *docShell) fill(command string) string {
	s.t.Helper()
	return beforeDots.ReplaceAllStringFunc(command, func(m string) string {
		before := strings.TrimSuffix(m, "…")
		value, ok := s.seen[strings.TrimLeft(before, " ")]
		if !ok {
			s.t.Fatalf("%s: no output before showed %s", s.where, m)
		}
		return before + value
	})
}

var fileName = regexp.MustCompile(`^(?:--|//|#|<!--) (\S+)`)

// write makes the file that the first line of a block names.
func (s *docShell) write(text string) {
	s.t.Helper()
	m := fileName.FindStringSubmatch(text)
	if m == nil {
		s.t.Fatalf("%s: the first line of this block should be a comment with a file name", s.where)
	}
	path := filepath.Join(s.dir, m[1])
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// checkWorkflow holds a CI service's file to commands that this page has run.
func (s *docShell) checkWorkflow(text string) {
	s.t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^ *- run: (.+)$`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(strings.Join(s.blocks, ""), m[1]+"\n") {
			s.t.Errorf("%s: %q was not run on this page", s.where, m[1])
		}
	}
}

var (
	bodyOf   = regexp.MustCompile(`(?s)<body[^>]*>(.*)</body>`)
	unseen   = regexp.MustCompile(`(?s)<(script|style)\b.*?</(script|style)>`)
	anyTag   = regexp.MustCompile(`<[^>]*>`)
	emptyOut = regexp.MustCompile(`\n\s*\n*`)
)

// chromium is the path of the browser.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := osexec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("pages are tested in a browser: apt-get install chromium")
	return ""
}

// browse opens a page in Chromium, waits until it has nothing more to do, and
// returns the text on it.
func browse(t *testing.T, url string) string {
	t.Helper()
	program := chromium(t)
	var stderr strings.Builder
	cmd := osexec.CommandContext(t.Context(), program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--user-data-dir="+t.TempDir(), "--timeout=30000", "--virtual-time-budget=10000", "--dump-dom", url)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, url, err, &stderr)
	}
	body := bodyOf.FindStringSubmatch(string(out))
	if body == nil {
		t.Fatalf("%s has no body:\n%s\n%s", url, out, &stderr)
	}
	text := anyTag.ReplaceAllString(unseen.ReplaceAllString(body[1], ""), "\n")
	return strings.TrimSpace(emptyOut.ReplaceAllString(html.UnescapeString(text), "\n")) + "\n"
}
