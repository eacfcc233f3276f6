package fetch

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestPrivateAddressesAreNotReached(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "192.0.0.170", "198.18.0.1",
		"224.0.0.1", "255.255.255.255", "::", "::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "fe80::1%eth0", "fc00::1", "fd00:ec2::254",
		"64:ff9b::a00:1", "2002:a00:1::", "ff02::1", "::7f00:1",
	} {
		if Public(netip.MustParseAddr(text)) {
			t.Errorf("%s counts as public", text)
		}
	}
	for _, text := range []string{"8.8.8.8", "140.82.121.3", "2606:4700::1111", "::ffff:8.8.8.8"} {
		if !Public(netip.MustParseAddr(text)) {
			t.Errorf("%s counts as private", text)
		}
	}
}

func TestANameThatLeadsHereIsNotFollowed(t *testing.T) {
	t.Parallel()
	reached := false
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer srv.Close()
	port := srv.URL[strings.LastIndexByte(srv.URL, ':'):]
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		_, err := Client(false).Get("https://" + host + port)
		if !errors.Is(err, ErrPrivate) {
			t.Errorf("%s: got %v", host, err)
		}
	}
	if reached {
		t.Error("it was reached")
	}
	if _, err := Client(false).Get("http://example.com"); err == nil || !strings.Contains(err.Error(), "not https") {
		t.Errorf("plain http: got %v", err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/long":
			_, _ = io.CopyN(w, zeros{}, maxBody+1)
		case "/most":
			_, _ = io.CopyN(w, zeros{}, maxBody)
		default:
			http.Redirect(w, r, "/most", http.StatusFound)
		}
	}))
	defer srv.Close()
	client := Client(true)
	if _, err := client.Get(srv.URL + "/redirect"); err == nil {
		t.Error("a redirect is followed")
	}
	for path, good := range map[string]bool{"/most": true, "/long": false} {
		res, err := client.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if (err == nil) != good || good && len(body) != maxBody {
			t.Errorf("%s: %d bytes, %v", path, len(body), err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
