package tests

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// The unmodified client of Supabase through each flow that goes by a mail, with two
// processes behind a balancer and a mail server.
func TestAuthClientByMail(t *testing.T) {
	t.Parallel()
	db, box := linksDB(t), startSMTP(t)
	set(t, db, "anonymous_users_enabled", "true")
	set(t, db, "security_update_password_require_reauthentication", "true")
	var servers []*server
	var turn atomic.Uint64
	mux := http.NewServeMux()
	balancer := httptest.NewServer(mux)
	t.Cleanup(balancer.Close)
	for range 2 {
		servers = append(servers, startAuth(t, db, append(box.env(), "FLUXBASE_PUBLIC_URL="+balancer.URL)...))
	}
	mux.Handle("/", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		to, _ := url.Parse(servers[turn.Add(1)%2].URL) // the log said it
		r.SetURL(to)
	}})
	// The nth mail to somebody, as soon as it is there.
	mux.HandleFunc("/test/mail", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		for range 600 {
			if list := box.to(r.URL.Query().Get("to")); n > 0 && len(list) >= n {
				link, code := aLink.FindString(list[n-1].Text), aCode.FindString(aLink.ReplaceAllString(list[n-1].Text, ""))
				_ = json.NewEncoder(w).Encode(map[string]string{"link": link, "code": code, "subject": list[n-1].Subject})
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		http.Error(w, "no such mail", http.StatusNotFound)
	})
	// Two days pass.
	mux.HandleFunc("/test/later", func(http.ResponseWriter, *http.Request) {
		exec(t, db, `update auth.sessions set created_at = created_at - interval '2 days'`)
	})
	runNode(t, &server{URL: balancer.URL}, "links.test.mjs")
	for _, s := range servers {
		noServerErrors(t, s)
	}
}
