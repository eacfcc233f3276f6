package web

import (
	"net/http"
	"strings"
	"testing"
)

// clientOf is whom a request is taken for, as text.
func clientOf(p Proxies, remote string, header http.Header) string {
	addr, https := p.Client(&http.Request{RemoteAddr: remote, Header: header})
	if https {
		return addr.String() + " by https"
	}
	return addr.String()
}

func proxiesOf(t testing.TB, header string) Proxies {
	t.Helper()
	p, err := ParseProxies([]string{"10.0.0.0/8", "::1"}, header)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAddressOfClients(t *testing.T) {
	t.Parallel()
	proxies := proxiesOf(t, "")
	hops := strings.Repeat(", 10.0.0.1", maxHops-1)
	for _, tt := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"203.0.113.5:1234", nil, "203.0.113.5"},
		{"203.0.113.5:1234", []string{"1.2.3.4"}, "203.0.113.5"}, // not to be believed
		{"10.1.2.3:1234", []string{"1.2.3.4"}, "1.2.3.4"},
		{"10.1.2.3:1234", []string{"6.6.6.6, 1.2.3.4"}, "1.2.3.4"}, // the first is the client's own invention
		{"10.1.2.3:1234", []string{"6.6.6.6", "1.2.3.4, 10.9.9.9"}, "1.2.3.4"},
		{"10.1.2.3:1234", []string{"1.2.3.4:55"}, "1.2.3.4"},
		{"10.1.2.3:1234", []string{"[2001:db8::1]:55"}, "2001:db8::1"},
		{"10.1.2.3:1234", []string{"unknown"}, "10.1.2.3"},
		{"10.1.2.3:1234", []string{"unknown, 10.3.3.3"}, "10.3.3.3"},
		{"10.1.2.3:1234", []string{""}, "10.1.2.3"},
		{"10.1.2.3:1234", []string{"1.2.3.4" + hops}, "1.2.3.4"},
		{"10.1.2.3:1234", []string{"1.2.3.4, 10.0.0.1" + hops}, "10.0.0.1"}, // a chain too long to be one
		{"10.1.2.3:1234", nil, "10.1.2.3"},
		{"[::1]:1234", []string{"::ffff:1.2.3.4"}, "1.2.3.4"},
		{"[fe80::1%eth0]:1234", nil, "fe80::1"},
		{"@", []string{"1.2.3.4"}, "1.2.3.4"}, // a Unix socket
		{"@", nil, "invalid IP"},
	} {
		header := http.Header{"X-Forwarded-For": tt.forwarded, "Forwarded": {"for=7.7.7.7;proto=https"}}
		if got := clientOf(proxies, tt.remote, header); got != tt.want {
			t.Errorf("%s %q: got %s, want %s", tt.remote, tt.forwarded, got, tt.want)
		}
	}
	for _, tt := range []struct {
		remote string
		proto  []string
		want   string
	}{
		{"10.1.2.3:1234", []string{"https"}, "1.2.3.4 by https"},
		{"10.1.2.3:1234", []string{"http", "http, HTTPS "}, "1.2.3.4 by https"},
		{"10.1.2.3:1234", []string{"https", "http"}, "1.2.3.4"}, // the first is the client's own
		{"203.0.113.5:1234", []string{"https"}, "203.0.113.5"},
	} {
		header := http.Header{"X-Forwarded-For": {"1.2.3.4"}, "X-Forwarded-Proto": tt.proto}
		if got := clientOf(proxies, tt.remote, header); got != tt.want {
			t.Errorf("%s %q: got %s, want %s", tt.remote, tt.proto, got, tt.want)
		}
	}
	for _, bad := range []string{"", "proxy", "10.0.0.0/33", "10.0.0"} {
		if _, err := ParseProxies([]string{bad}, ""); err == nil {
			t.Errorf("%q is taken for a network", bad)
		}
	}
	if _, err := ParseProxies(nil, "X-Real-IP"); err == nil {
		t.Error("a header that is not known is taken")
	}
}

func TestAddressOfClientsByForwarded(t *testing.T) {
	t.Parallel()
	proxies := proxiesOf(t, "forwarded")
	hops := strings.Repeat(", for=10.0.0.1", maxHops-1)
	for _, tt := range []struct {
		forwarded []string
		want      string
	}{
		{nil, "10.1.2.3"},
		{[]string{"for=1.2.3.4"}, "1.2.3.4"},
		{[]string{`For="1.2.3.4:80";PROTO=https;by=_proxy`}, "1.2.3.4 by https"},
		{[]string{`proto=http;host="a.b:80";for="[2001:db8::1]:_port"`}, "2001:db8::1"},
		{[]string{`for="[2001:db8::1]"`}, "2001:db8::1"},
		{[]string{`for="[::ffff:1.2.3.4]"`}, "1.2.3.4"},
		{[]string{`for="\1.2.3\.4"`}, "1.2.3.4"},
		{[]string{"for=6.6.6.6,for=1.2.3.4"}, "1.2.3.4"},
		{[]string{"for=6.6.6.6;proto=https", "for=1.2.3.4, ,\t, for=10.9.9.9;proto=https"}, "1.2.3.4"},
		{[]string{";;for=1.2.3.4;;"}, "1.2.3.4"},
		{[]string{`for="a, for=6.6.6.6`, "for=1.2.3.4"}, "1.2.3.4"}, // an open quote ends with its line
		// Who is behind these nobody tells.
		{[]string{"for=1.2.3.4, for=unknown"}, "10.1.2.3"},
		{[]string{"for=1.2.3.4, for=_hidden, for=10.9.9.9"}, "10.9.9.9"},
		{[]string{"for=1.2.3.4, proto=https"}, "10.1.2.3 by https"},
		{[]string{"for=1.2.3.4" + hops}, "1.2.3.4"},
		{[]string{"for=1.2.3.4, for=10.0.0.1" + hops}, "10.0.0.1"},
		{[]string{"for=1.2.3.4" + strings.Repeat(hops, 3)}, "10.0.0.1"},
		// None of the grammar, and so nothing to be believed.
		{[]string{`for="1.2.3.4`}, "10.1.2.3"},
		{[]string{`for="1.2.3.4\`}, "10.1.2.3"},
		{[]string{"for=2001:db8::1"}, "10.1.2.3"},
		{[]string{`for="2001:db8::1"`}, "10.1.2.3"},
		{[]string{`for="[1.2.3.4]"`}, "10.1.2.3"},
		{[]string{`for="[2001:db8::1%eth0]"`}, "10.1.2.3"},
		{[]string{`for="1.2.3.4:123456"`}, "10.1.2.3"},
		{[]string{"for=1.2.3.4;for=6.6.6.6"}, "10.1.2.3"},
		{[]string{"for = 1.2.3.4"}, "10.1.2.3"},
		{[]string{"for"}, "10.1.2.3"},
		{[]string{"for="}, "10.1.2.3"},
		{[]string{"for=1.2.3.4 for=6.6.6.6"}, "10.1.2.3"},
		{[]string{"1.2.3.4"}, "10.1.2.3"},
	} {
		header := http.Header{"Forwarded": tt.forwarded, "X-Forwarded-For": {"7.7.7.7"}, "X-Forwarded-Proto": {"https"}}
		if got := clientOf(proxies, "10.1.2.3:1234", header); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.forwarded, got, tt.want)
		}
		if got := clientOf(proxies, "203.0.113.5:1234", header); got != "203.0.113.5" {
			t.Errorf("%q of a stranger: got %s", tt.forwarded, got)
		}
	}
}

// Whatever a client writes into the header itself, it is taken for the address that the
// proxy adds, or, where that can't be read any more, for the proxy: never for another.
func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{
		"", "for=6.6.6.6", `for="6.6.6.6`, `for="[2001:db8::1]:80";proto=https`, `for="\"`, ";,;", "for=_a;by=x",
		strings.Repeat("for=10.0.0.1,", 100), "6.6.6.6, 10.0.0.1",
	} {
		f.Add(seed)
	}
	proxies, standard := proxiesOf(f, ""), proxiesOf(f, HeaderForwarded)
	f.Fuzz(func(t *testing.T, written string) {
		const peer, client = "10.1.2.3", "203.0.113.9"
		for _, tt := range []struct {
			proxies Proxies
			name    string
			lines   []string
			mayLose bool
		}{
			{proxies, HeaderXForwardedFor, []string{written + ", " + client}, false},
			{proxies, HeaderXForwardedFor, []string{written, client}, false},
			{standard, HeaderForwarded, []string{written + ", for=" + client}, true},
			{standard, HeaderForwarded, []string{written, "for=" + client}, false},
		} {
			got := clientOf(tt.proxies, peer+":80", http.Header{tt.name: tt.lines})
			if got != client && (!tt.mayLose || got != peer) {
				t.Errorf("%s %q: taken for %s", tt.name, tt.lines, got)
			}
		}
	})
}

// The header that a stranger sends costs nothing.
func TestStrangersHeadersAreNotRead(t *testing.T) {
	proxies := proxiesOf(t, "")
	r := &http.Request{RemoteAddr: "203.0.113.5:1234", Header: http.Header{"X-Forwarded-For": {strings.Repeat("1.2.3.4, ", 1000)}}}
	if n := testing.AllocsPerRun(100, func() { proxies.Client(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	delete(r.Header, "X-Forwarded-For")
	r.RemoteAddr = "10.0.0.1:80"
	if n := testing.AllocsPerRun(100, func() { proxies.Client(r) }); n != 0 {
		t.Errorf("without the header: %v allocations", n)
	}
}

func TestLoopbackHosts(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.8.9.1": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example.com": false, "10.0.0.1": false, "127.0.0.1.example.com": false, "127.1": false, "[::1]": false,
	} {
		if got := IsLoopback(host); got != want {
			t.Errorf("%q: got %t", host, got)
		}
	}
}
