package tests

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// storedHash is what is stored of a user's password.
func storedHash(t *testing.T, db *dbtest.DB, email string) (hash string) {
	t.Helper()
	if err := db.Conn(t).QueryRow(t.Context(), `select encrypted_password from auth.users where email = $1`, email).Scan(&hash); err != nil {
		t.Fatal(err)
	}
	return hash
}

func credentials(email, password string) string {
	return `{"email":"` + email + `","password":"` + password + `"}`
}

const byPassword = "/token?grant_type=password"

func TestWeakPasswordsAreRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	set(t, db, "site_url", `"https://notebook.example.com"`)
	s := startAuth(t, db)
	refused := func(password, reasons string) {
		t.Helper()
		a := s.code(t, "422 weak_password", "POST", "/auth/v1/signup", credentials("ada.lovelace@example.com", password), apiVersion)
		if !strings.Contains(a.Body, `"weak_password":{"reasons":`+reasons+`}`) || strings.Contains(a.Body, password) {
			t.Errorf("%s: %s", password, a.Body)
		}
	}
	refused("qzmwxp1", `["length"]`)
	refused("Jennifer1", `["pwned"]`)
	refused("Lovelace-99", `["pwned"]`)
	refused("notebook77", `["pwned"]`)
	refused("dragon", `["length","pwned"]`)
	set(t, db, "password_words", `["Rocket Works", "zephyr"]`)
	refused("ROCKETworks1", `["pwned"]`)
	refused("zephyr-2026", `["pwned"]`)
	if a := s.call(t, "POST", "/auth/v1/signup", credentials("ada@example.com", "dragon")); !strings.Contains(a.Body, `"error_code":"weak_password"`) ||
		!strings.Contains(a.Body, `"weak_password":{"reasons":["length","pwned"]}`) {
		t.Errorf("an old client got %s", a.Body)
	}
	s.enters(t, "/signup", credentials("ada.lovelace@example.com", "qzmwxpvbn"))

	// Rules change, live; whoever has a password that they would not take is told, and comes in.
	set(t, db, "password_min_length", "12")
	set(t, db, "password_required_characters", `"letters_digits"`)
	a := s.code(t, "200", "POST", "/auth/v1"+byPassword, credentials("ada.lovelace@example.com", "qzmwxpvbn"), apiVersion)
	if !strings.Contains(a.Body, `"weak_password":{"reasons":["length","characters"],"message":"`) {
		t.Errorf("got %s", a.Body)
	}
	refused("qzmwxpvbnasd", `["characters"]`)
	s.enters(t, "/signup", credentials("bob@example.com", "qzmwxpvbnas7"))
	if a := s.code(t, "200", "POST", "/auth/v1"+byPassword, credentials("bob@example.com", "qzmwxpvbnas7"), apiVersion); strings.Contains(a.Body, "weak_password") {
		t.Errorf("got %s", a.Body)
	}
}

func TestImportedPasswordsSignInAndAreHashedAnew(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	imported := map[string]struct{ password, hash string }{
		"bcrypt@example.com": {"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
		"argon@example.com":  {"password", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8"},
		"fire@example.com": {"user1password", "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==" +
			"$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="},
	}
	for email, user := range imported {
		s.signUp(t, email)
		exec(t, db, `update auth.users set encrypted_password = '`+user.hash+`' where email = '`+email+`'`)
		s.code(t, "400 invalid_credentials", "POST", "/auth/v1"+byPassword, credentials(email, "the tests' password"), apiVersion)
		if got := storedHash(t, db, email); got != user.hash {
			t.Errorf("%s: a wrong password made it %s", email, got)
		}
		for range 2 { // by the old hash, and by the new one
			s.enters(t, byPassword, credentials(email, user.password))
			if got := storedHash(t, db, email); !strings.HasPrefix(got, "$argon2id$v=19$m=7168,t=5,p=1$") {
				t.Errorf("%s: stored is %s", email, got)
			}
		}
	}

	// What can't be read is a wrong password to the client; the log says more.
	s.signUp(t, "lost@example.com")
	exec(t, db, `update auth.users set encrypted_password = '$argon2id$v=19$m=1099511627776,t=1,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8' where email = 'lost@example.com'`)
	s.code(t, "400 invalid_credentials", "POST", "/auth/v1"+byPassword, credentials("lost@example.com", "password"), apiVersion)
}

func TestGuessesEndAndTheOwnerStillComesIn(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db, "FLUXBASE_SERVER_TRUSTED_PROXIES=127.0.0.1")
	const home, away = "X-Forwarded-For: 2001:db8:0:1::7", "X-Forwarded-For: 192.0.2.66"
	s.signUp(t, "owner@example.com")
	s.code(t, "200", "POST", "/auth/v1"+byPassword, credentials("owner@example.com", "the tests' password"), home)

	for _, email := range []string{"owner@example.com", "nobody@example.com"} {
		var wrong, refused atomic.Int64
		var all sync.WaitGroup
		for n := range 50 {
			all.Go(func() {
				a, err := s.try("POST", "/auth/v1"+byPassword, credentials(email, fmt.Sprint("guess ", n)), apiVersion, away)
				switch {
				case err != nil:
					t.Error(err)
				case codeOf(a) == "400 invalid_credentials":
					wrong.Add(1)
				case codeOf(a) == "429 over_request_rate_limit" && a.Header.Get("Retry-After") != "":
					refused.Add(1)
				default:
					t.Errorf("%s: got %d %s", email, a.Status, a.Body)
				}
			})
		}
		all.Wait()
		if wrong.Load() != 5 || refused.Load() != 45 {
			t.Errorf("%s: %d guesses were checked, %d refused", email, wrong.Load(), refused.Load())
		}
	}
	// The right one too, or a guesser would learn that it is.
	s.code(t, "429 over_request_rate_limit", "POST", "/auth/v1"+byPassword, credentials("owner@example.com", "the tests' password"), apiVersion, away)
	for range 10 { // right ones are free
		s.code(t, "200", "POST", "/auth/v1"+byPassword, credentials("owner@example.com", "the tests' password"), apiVersion, home)
	}
	exec(t, db, `select auth.forget_attempts('owner@example.com')`)
	s.code(t, "200", "POST", "/auth/v1"+byPassword, credentials("owner@example.com", "the tests' password"), apiVersion, away)
}

// More than can be hashed: the answer is one that clients take up again, and nobody
// counts as one who guesses because of it.
func TestACrowdAtTheSignInIsNoGuesser(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db, "FLUXBASE_AUTH_HASHERS=1", "FLUXBASE_AUTH_HASH_QUEUE=1", "FLUXBASE_AUTH_ARGON2_ITERATIONS=60")
	var wrong, busy atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			a, err := s.try("POST", "/auth/v1"+byPassword, credentials("nobody@example.com", "a guess"), apiVersion)
			switch {
			case err != nil:
				t.Error(err)
			case codeOf(a) == "400 invalid_credentials":
				wrong.Add(1)
			case codeOf(a) == "503 hashers_busy" && a.Header.Get("Retry-After") != "":
				busy.Add(1)
			case codeOf(a) != "429 over_request_rate_limit":
				t.Errorf("got %d %s", a.Status, a.Body)
			}
		})
	}
	all.Wait()
	var counted int64
	if err := db.Conn(t).QueryRow(t.Context(), `select a.failures from auth.attempts as a where a.kind = 'password_here'`).Scan(&counted); err != nil {
		t.Fatal(err)
	}
	if busy.Load() == 0 || counted != wrong.Load() {
		t.Errorf("%d were busy, %d were wrong, %d are counted", busy.Load(), wrong.Load(), counted)
	}
}

// hasher is the process of a server in which passwords are hashed, if there is one.
func (s *server) hasher(t *testing.T) (pid int) {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		children, _ := os.ReadFile(list) // a thread may have ended
		for _, child := range strings.Fields(string(children)) {
			if commandOf(child) == "fluxbase\x00hash-passwords\x00" {
				pid, _ = strconv.Atoi(child)
			}
		}
	}
	return pid
}

// commandOf is the command line of a process, and empty of one that has ended.
func commandOf[P int | string](pid P) string {
	line, _ := os.ReadFile(fmt.Sprintf("/proc/%v/cmdline", pid))
	return string(line)
}

// A hash whose process is killed is computed by another one, and whoever goes away takes
// no answer of others along.
func TestProcessesThatHashMayEnd(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	set(t, db, "attempts_free", "100")
	s := startAuth(t, db, "FLUXBASE_AUTH_HASHERS=1", "FLUXBASE_AUTH_ARGON2_ITERATIONS=20")
	s.signUp(t, "ada@example.com")
	first := s.hasher(t)
	switch env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", first)); string(env) {
	case "GOMAXPROCS=1\x00ASIDE_PRIORITY=leftovers\x00", "GOMAXPROCS=1\x00ASIDE_PRIORITY=share\x00":
	default:
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("the environment of process %d is %q, %v", first, env, err)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			switch i % 3 {
			case 0, 1:
				want, password := "200", "the tests' password"
				if i%3 == 1 {
					want, password = "400 invalid_credentials", "a guess"
				}
				a, err := s.try("POST", "/auth/v1"+byPassword, credentials("ada@example.com", password), apiVersion)
				if err != nil || codeOf(a) != want {
					t.Errorf("with %s: got %d %s, %v", password, a.Status, a.Body, err)
				}
			default:
				req, err := http.NewRequestWithContext(ctx, "POST", s.URL+"/auth/v1"+byPassword, strings.NewReader(credentials("ada@example.com", "the tests' password")))
				if err != nil {
					t.Error(err)
					return
				}
				if res, err := http.DefaultClient.Do(req); err == nil {
					_ = res.Body.Close()
				}
			}
		})
	}
	// Not the first any more, if that was late with one.
	eventually(t, "some wait, and one is hashed", func() bool {
		first = s.hasher(t)
		return first != 0 && s.metric(t, "fluxbase_auth_hashes_waiting", nil) > 0
	})
	_ = syscall.Kill(first, syscall.SIGKILL)
	cancel()
	all.Wait()
	second := s.hasher(t)
	if second == 0 || second == first {
		t.Errorf("process %d is to take the place of %d", second, first)
	}
	s.stop(t)
	if line := commandOf(second); line != "" {
		t.Errorf("%q outlives its server", line)
	}

	killed := startAuth(t, db)
	left := killed.hasher(t)
	_ = killed.cmd.Process.Kill()
	<-killed.done
	eventually(t, "what hashed for a server has ended with it", func() bool { return left != 0 && commandOf(left) == "" })
}
