package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// dirLock is held by the process that runs a cluster. The kernel drops it with
// the process, so a killed one leaves nothing to clean up.
type dirLock struct{ file *os.File }

func lockDir(dir string) (*dirLock, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		holder, _ := os.ReadFile(path)
		if len(holder) == 0 {
			holder = []byte("another process")
		}
		return nil, &InUseError{Dir: dir, Holder: strings.TrimSpace(string(holder))}
	}
	l := &dirLock{file: f}
	if err := l.announce(""); err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

func (l *dirLock) announce(text string) error {
	line := fmt.Sprintf("process %d", os.Getpid())
	if text != "" {
		line += ", " + text
	}
	if err := l.file.Truncate(0); err != nil {
		return fmt.Errorf("write the lock file: %w", err)
	}
	if _, err := l.file.WriteAt([]byte(line+"\n"), 0); err != nil {
		return fmt.Errorf("write the lock file: %w", err)
	}
	return nil
}

// release may be called twice. The file stays: removing it would let two
// processes hold locks on two files of one name.
func (l *dirLock) release() {
	// Closed alone it stays locked while a child that is just being started has a copy.
	_ = syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN)
	_ = l.file.Close()
}

// Free reports whether no process runs the cluster in dir.
func Free(dir string) bool {
	l, err := lockDir(dir)
	if err != nil {
		return false
	}
	l.release()
	return true
}
