package aside

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

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
	policies(t, proc, unix.SCHED_IDLE)
	sessionYields(t, proc, 19)
	if score, err := os.ReadFile(proc + "/oom_score_adj"); string(score) != "1000\n" {
		t.Errorf("oom_score_adj is %q, %v", score, err)
	}
	p.shares = time.Now().Add(time.Hour)
	proc = "/proc/" + strconv.Itoa(pid(t, p))
	sessionYields(t, proc, niceness)
	for _, got := range policies(t, proc, unix.SCHED_NORMAL) {
		if want := min(nice(t, "/proc/self/stat")+niceness, 19); got != want {
			t.Errorf("the niceness of a thread is %d, want %d", got, want)
		}
	}
}

// sessionYields tests how nice a process's session is, where the kernel knows that.
func sessionYields(t *testing.T, proc string, want int) {
	t.Helper()
	if got, err := os.ReadFile(proc + "/autogroup"); err == nil && !strings.HasSuffix(string(got), fmt.Sprintf(" nice %d\n", want)) {
		t.Errorf("the session of a process is %q, want niceness %d", got, want)
	}
}

// policies tells how nice the threads of a process are, which all have one policy.
func policies(t *testing.T, proc string, want uint32) (niceness []int) {
	t.Helper()
	threads, err := filepath.Glob(proc + "/task/*")
	if err != nil || len(threads) == 0 {
		t.Fatalf("threads: %q, %v", threads, err)
	}
	for _, thread := range threads {
		id, _ := strconv.Atoi(filepath.Base(thread))
		if attr, err := unix.SchedGetAttr(id, 0); err != nil || attr.Policy != want {
			t.Errorf("a thread has %+v, %v, want policy %d", attr, err, want)
		}
		niceness = append(niceness, nice(t, thread+"/stat"))
	}
	return niceness
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
