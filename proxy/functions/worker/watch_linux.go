package worker

import (
	"bytes"
	"errors"
	"os"
	"strconv"
)

// dataSize is what counts for RLIMIT_DATA, in bytes.
func dataSize(pid int) (int64, error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	_, after, _ := bytes.Cut(status, []byte("\nVmData:"))
	line, _, _ := bytes.Cut(after, []byte(" kB"))
	kib, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	return kib << 10, err
}

// openUsage opens what look reads. It stays with this process: a later one of the same number
// is not mistaken for it.
func openUsage(pid int) (*os.File, error) { return os.Open("/proc/" + strconv.Itoa(pid) + "/stat") }

// look reads /proc/PID/stat (proc_pid_stat(5)), which costs no memory.
func look(stat *os.File) (usage, error) {
	var buffer [1024]byte
	n, _ := stat.ReadAt(buffer[:], 0)
	u, ok := parseStat(buffer[:n])
	if !ok {
		return u, errors.New("the process is gone")
	}
	u.resident *= int64(os.Getpagesize())
	return u, nil
}

// parseStat finds fields 20 and 24, threads and resident pages. The name, field 2, may hold
// anything; the last parenthesis ends it.
func parseStat(line []byte) (usage, bool) {
	end := bytes.LastIndexByte(line, ')')
	if end < 0 {
		return usage{}, false
	}
	var u usage
	rest := line[end+1:]
	for field := 2; len(rest) > 0; field++ {
		var word []byte
		word, rest, _ = bytes.Cut(rest, []byte(" "))
		switch field {
		case 20:
			u.threads = int(number(word))
		case 24:
			u.resident = number(word)
			return u, true
		}
	}
	return usage{}, false
}

func number(digits []byte) (n int64) {
	for _, c := range digits {
		if c < '0' || c > '9' || n > 1<<50 {
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	return n
}
