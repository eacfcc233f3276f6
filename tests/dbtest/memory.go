package dbtest

import (
	"os"
	"syscall"
)

const (
	memory = "/dev/shm"
	// enough is far more than the tests take at any one time, which is about 2 GB.
	enough = 6 << 30
	noExec = 8 // ST_NOEXEC of statfs(2)
)

// useMemory makes the folder for temporary files one in memory, where there is much of
// it, unless TMPDIR says where. Each database is some 300 files, made and removed within
// seconds, and ext4 looks at every inode that was freed in the last minutes to make one.
func useMemory() {
	var fs syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(memory, &fs) != nil || fs.Flags&noExec != 0 {
		return
	}
	if uint64(fs.Bavail)*uint64(fs.Bsize) < enough {
		return
	}
	_ = os.Setenv("TMPDIR", memory) // fails for names that hold = only
}
