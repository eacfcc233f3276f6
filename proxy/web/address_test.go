package web

import (
	"net/http"
	"testing"
)

func TestAddressOfClients(t *testing.T) {
	t.Parallel()
	proxies, err := ParseProxies([]string{"10.0.0.0/8", "::1"})
	if err != nil {
		t.Fatal(err)
	}
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
		{"10.1.2.3:1234", nil, "10.1.2.3"},
		{"[::1]:1234", []string{"::ffff:1.2.3.4"}, "1.2.3.4"},
		{"[fe80::1%eth0]:1234", nil, "fe80::1"},
		{"@", []string{"1.2.3.4"}, "1.2.3.4"}, // a Unix socket
		{"@", nil, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{"X-Forwarded-For": tt.forwarded}}
		if got := proxies.Client(r).String(); got != tt.want {
			t.Errorf("%s %q: got %s, want %s", tt.remote, tt.forwarded, got, tt.want)
		}
	}
	for _, bad := range []string{"", "proxy", "10.0.0.0/33", "10.0.0"} {
		if _, err := ParseProxies([]string{bad}); err == nil {
			t.Errorf("%q is taken for a network", bad)
		}
	}
}
