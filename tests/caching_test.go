package tests

import (
	"net"
	"net/http"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// startNginx runs nginx with a configuration in a folder of its own until the test ends, and
// waits until it listens at address.
func startNginx(t *testing.T, config, address string) {
	t.Helper()
	program, err := osexec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // Debian's place, which users need not have in their PATH
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	log := new(syncBuffer)
	cmd := osexec.Command(program, "-p", dir, "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off; master_process off; pid nginx.pid;")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: make test installs Debian's nginx", err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	eventually(t, "nginx listens", func() bool {
		select {
		case <-ended:
			t.Fatalf("nginx ended:\n%s", log)
		default:
		}
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// greedyCache keeps whatever it is not forbidden to keep, tokens or not.
const greedyCache = `
events {}
http {
  access_log off;
  client_body_temp_path body;
  fastcgi_temp_path f;
  uwsgi_temp_path u;
  scgi_temp_path s;
  proxy_temp_path proxy;
  proxy_cache_path cache keys_zone=all:1m;
  server {
    listen ADDRESS;
    location / {
      proxy_pass UPSTREAM;
      proxy_cache all;
      proxy_cache_key $request_uri;
      proxy_cache_valid any 10m;
      proxy_cache_methods GET HEAD;
      add_header X-Cache $upstream_cache_status always;
    }
  }
}`

// A cache in front that keeps all that it may serves nobody another's answer, and no 401 or
// 403 to who has come with a token meanwhile.
func TestCachesKeepNoAnswerOfAnother(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	exec(t, d, `
		create table public.mine (owner uuid primary key default auth.uid(), text text);
		alter table public.mine enable row level security;
		create policy own on public.mine using (owner = auth.uid());
		revoke all on public.mine from anon;
		create table public.shared (id int primary key);
		insert into public.shared values (1);
		grant select on public.shared to anon;
		comment on table public.shared is '@cache_control public, max-age=600';
		insert into public.mine values ('`+ada+`', 'of ada')`)
	s := startServer(t, d)
	address := "127.0.0.1:" + freePort(t)
	startNginx(t, strings.NewReplacer("ADDRESS", address, "UPSTREAM", s.URL).Replace(greedyCache), address)
	cache := &server{URL: "http://" + address}
	for _, path := range []string{"/rest/v1/mine?select=text", "/rest/v1/nothing", "/openapi.json", "/rest/v1/"} {
		for round := range 2 {
			first := cache.call(t, "GET", path, "")
			own := cache.call(t, "GET", path, "", "Authorization: Bearer "+userToken(t, ada))
			byKey := cache.call(t, "GET", path, "", "Apikey: "+userToken(t, ada))
			bad := cache.call(t, "GET", path, "", "Authorization: Bearer a.b.c")
			if bad.Status != http.StatusUnauthorized {
				t.Errorf("%s, round %d: a bad token gets %d", path, round, bad.Status)
			}
			for name, a := range map[string]answer{"without a token": first, "with a token": own, "with a key": byKey, "with a bad token": bad} {
				if a.Header.Get("X-Cache") != "MISS" {
					t.Errorf("%s %s, round %d: the cache says %s", path, name, round, a.Header.Get("X-Cache"))
				}
			}
			if path != "/rest/v1/mine?select=text" {
				continue
			}
			if first.Status != 401 || own.Body != `[{"text":"of ada"}]` || byKey.Body != own.Body {
				t.Errorf("round %d: %d %s, then %d %s, then %d %s", round, first.Status, first.Body, own.Status, own.Body, byKey.Status, byKey.Body)
			}
		}
	}
	for i, want := range []string{"MISS", "HIT"} {
		if a := cache.call(t, "GET", "/rest/v1/shared", ""); a.Header.Get("X-Cache") != want || a.Body != `[{"id":1}]` {
			t.Errorf("what may be kept, call %d: %s %s %v", i, a.Header.Get("X-Cache"), a.Body, a.Header)
		}
	}
}
