package auth

import (
	"net/url"
	"strings"
	"testing"
)

func TestRedirectsOnlyToWhatIsAllowed(t *testing.T) {
	t.Parallel()
	r := &redirects{Site: "https://app.example/", Allow: []string{
		"https://exact.example/cb", "https://*.preview.example/**", "https://app-*.team.example/in", "myapp://callback",
		"http://localhost:*/auth/*", "https://q.example/cb?to=*", "https://wide.example**", "com.example.app://**", "no pattern", "https://deep.example/a/**/z",
	}}
	const site = "https://app.example/"
	for _, tt := range []struct{ wanted, want string }{
		{"", site},
		{"https://app.example", "="},
		{"https://app.example/any/path?x=1&sb_flow_id=7", "="},
		{"https://APP.example:443/x", "https://app.example/x"},
		{"https://app.example/x#evil", "https://app.example/x"},
		{"http://app.example/x", site},
		{"https://app.example:8443/x", site},
		{"https://exact.example/cb", "="},
		{"https://exact.example/cb?sb_flow_id=a1", "="},
		{"https://exact.example/cb/more", site},
		{"https://exact.example/cbx", site},
		{"https://a.preview.example/x/y?z", "="},
		{"https://a.b.preview.example/x", site},
		{"https://preview.example/x", site},
		{"https://evil.example/.preview.example/x", site},
		{"https://evil.example?.preview.example/x", site},
		{"https://evil.example:443@a.preview.example/", site},
		{"https://a.preview.example@evil.example/", site},
		{"https://a.preview.example:1/x", site},
		{"https://app-7.team.example/in", "="},
		{"https://app-7.evil.example/x.team.example/in", site},
		{"myapp://callback", "="},
		{"myapp://callback?x=1", "="},
		{"myapp://other", site},
		{"myapp:callback", site},
		{"com.example.app://in/side?x", "="},
		{"http://localhost:5173/auth/cb", "="},
		{"http://localhost/auth/cb", site},
		{"http://localhost:5173/auth/a/b", site},
		{"https://q.example/cb?to=1", "="},
		{"https://q.example/cb?to=1&sb_flow_id=2", "="},
		{"https://q.example/cb?from=1", site},
		{"https://q.example/cb", site},
		{"https://wide.example.evil.example/", site},
		{"https://deep.example/a/b/c/z", "="},
		{"https://exact.example/cb/../cb", site},
		{"https://a.preview.example/%2e%2E/x", site},
		{`https://a.preview.example\@evil.example/`, site},
		{`https:\\a.preview.example/`, site},
		{"https:a.preview.example/x", site},
		{"https:/a.preview.example/x", site},
		{"https:///a.preview.example/x", site},
		{"//app.example/x", site},
		{"/x", site},
		{"javascript://app.example/%0aalert(1)", site},
		{"javascript:alert(1)", site},
		{"data:text/html,x", site},
		{"https://app.example/\r\nSet-Cookie: a=b", site},
		{"https://app.example/\tx", site},
		{" https://app.example/x", site},
		{"https://app.example./x", site},
		{"https://аpp.example/", site}, // Cyrillic
		{"https://app.example/" + strings.Repeat("x", maxTarget), site},
	} {
		want := tt.want
		if want == "=" {
			want = tt.wanted
		}
		if got := r.target(tt.wanted); got != want {
			t.Errorf("%q leads to %q, want %q", tt.wanted, got, want)
		}
	}
	local := &redirects{Site: "http://localhost:3000"}
	if got := local.target("http://localhost:5173/x"); got != "http://localhost:5173/x" {
		t.Errorf("another port of a site on this host leads to %s", got)
	}
}

func TestWhatIsAddedToATargetStaysBesideItsOwn(t *testing.T) {
	t.Parallel()
	more := url.Values{"code": {"a&b"}}
	for target, want := range map[string]string{
		"https://a.example":             "https://a.example?code=a%26b",
		"https://a.example/x?sb_flow=1": "https://a.example/x?sb_flow=1&code=a%26b",
		"https://a.example/x?":          "https://a.example/x?code=a%26b",
		"https://a.example/#/in":        "https://a.example/?code=a%26b#/in",
	} {
		if got := withQuery(target, more); got != want {
			t.Errorf("%s becomes %s, want %s", target, got, want)
		}
	}
	if got := withFragment("https://a.example/#/in", more); got != "https://a.example/#code=a%26b" {
		t.Errorf("with a fragment it is %s", got)
	}
}

// Whatever is asked for, a browser lands on the site or on an allowed host. The reading of
// the answer here is that of the URL Standard for these characters: what ends the host is
// / ? # or a backslash, and what is before an @ there is none.
func FuzzRedirects(f *testing.F) {
	for _, seed := range []string{
		"https://ok.example/x", "https://a.ok.example/", "https://evil.example/", `https://ok.example\.evil.example`, "https://ok.example@evil.example",
		"//evil.example", "https:evil.example", "javascript:alert(1)", "https://ok.example%2f.evil.example/", "https://[::1]/", "https://ok.example:99999/", "https://x?.ok.example/",
	} {
		f.Add(seed)
	}
	r := &redirects{Site: "https://app.example", Allow: []string{"https://*.ok.example/**", "https://ok.example/*", "myapp://in/**"}}
	f.Fuzz(func(t *testing.T, wanted string) {
		got := r.target(wanted)
		if strings.ContainsAny(got, "\\\r\n\t \x00#") {
			t.Fatalf("%q leads to %q", wanted, got)
		}
		if strings.HasPrefix(got, "myapp://in/") {
			return
		}
		rest, secure := strings.CutPrefix(got, "https://")
		host, _, _ := strings.Cut(rest+"/", "/")
		host, _, _ = strings.Cut(host, "?")
		label, below := strings.CutSuffix(host, ".ok.example")
		if !secure || host != "app.example" && host != "ok.example" && (!below || strings.ContainsAny(label, ".@:/")) {
			t.Fatalf("%q leads to %q", wanted, got)
		}
		if again := r.target(got); again != got {
			t.Fatalf("%q leads to %q, and that to %q", wanted, got, again)
		}
	})
}
