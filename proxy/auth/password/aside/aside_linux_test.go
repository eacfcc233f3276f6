package aside

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func init() {
	seen["dumpable"] = func() (string, error) {
		n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		return strconv.Itoa(n), err
	}
}

func TestAllItsThreadsYieldAndNobodyLooksIn(t *testing.T) {
	t.Parallel()
	p := start(t, "compute")
	answers(t, p, "dumpable", "0")
	proc := "/proc/" + strconv.Itoa(pid(t, p))
	threads, err := filepath.Glob(proc + "/task/*/stat")
	if err != nil || len(threads) == 0 {
		t.Fatalf("threads: %q, %v", threads, err)
	}
	want := min(nice(t, "/proc/self/stat")+niceness, 19)
	for _, thread := range threads {
		if got := nice(t, thread); got != want {
			t.Errorf("the niceness of a thread is %d, want %d", got, want)
		}
	}
	if score, err := os.ReadFile(proc + "/oom_score_adj"); string(score) != "1000\n" {
		t.Errorf("oom_score_adj is %q, %v", score, err)
	}
}

// nice is the 19th field of stat (proc(5)).
func nice(t *testing.T, stat string) int {
	t.Helper()
	text, err := os.ReadFile(stat)
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	n, err := strconv.Atoi(fields[16])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
