package webhook

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/proxy/seal"
)

func keys(tb testing.TB) *seal.Keys {
	tb.Helper()
	k, err := seal.New(seal.Config{EncryptionKey: base64.StdEncoding.EncodeToString(make([]byte, 32))})
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// The example of the specification, and with two secrets a signature for each.
func TestSignatures(t *testing.T) {
	t.Parallel()
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	body := []byte(`{"test": 2432232314}`)
	for n := range 3 {
		h := http.Header{}
		Sign(h, [][]byte{key, key, key}[:n], "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), body)
		if got := h.Get("Webhook-Signature"); got != strings.TrimSpace(strings.Repeat(want+" ", n)) {
			t.Errorf("with %d secrets it is signed %q", n, got)
		}
		if h.Get("Webhook-Id") != "msg_p5jXN8AQM9LWM0D4loKWxJek" || h.Get("Webhook-Timestamp") != "1614265330" {
			t.Errorf("got %v", h)
		}
	}
}

// A secret is sealed for its row: elsewhere it does not open.
func TestSecretsAreOfTheirRow(t *testing.T) {
	t.Parallel()
	k, table := keys(t), Table("jobs.handler_secrets")
	text, sealed := table.New(k, "a")
	again, err := table.Seal(k, "b", text)
	if err != nil {
		t.Fatal(err)
	}
	got, err := table.Open(k, []Secret{{"a", sealed}, {"b", again}})
	if err != nil || len(got) != 2 || len(got[0]) != 32 || !bytes.Equal(got[0], got[1]) {
		t.Errorf("opened are %x, %v", got, err)
	}
	for _, s := range []Secret{{"b", sealed}, {"a", ""}, {"a", sealed[:len(sealed)-2]}} {
		if _, err := table.Open(k, []Secret{s}); err == nil {
			t.Errorf("%v opens", s)
		}
	}
	if _, err := Table("auth.hook_secrets").Open(k, []Secret{{"a", sealed}}); err == nil {
		t.Error("a secret opens in another table")
	}
}

func FuzzSeal(f *testing.F) {
	for _, s := range []string{"", Prefix, Prefix + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "v1,v1," + strings.Repeat("A", 64)} {
		f.Add(s)
	}
	k, table := keys(f), Table("t")
	f.Fuzz(func(t *testing.T, s string) {
		sealed, err := table.Seal(k, "a", s)
		if err != nil {
			return
		}
		got, err := table.Open(k, []Secret{{"a", sealed}})
		if err != nil || len(got[0]) < 24 || len(got[0]) > 64 || !strings.HasSuffix(strings.TrimRight(s, "\r\n"), strings.TrimSpace(base64.StdEncoding.EncodeToString(got[0]))) && !strings.ContainsAny(s, "\r\n") {
			t.Errorf("%q is the key %x, %v", s, got, err)
		}
	})
}
