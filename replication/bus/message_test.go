package bus

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

var testKeys = keys{7: bytes.Repeat([]byte{1}, 32)}

// signed is a message as fluxbase.emit writes it.
func signed(prefix, body string) *changes.Event {
	h := hmac.New(sha256.New, testKeys[7])
	h.Write([]byte(prefix + "\n" + body))
	return &changes.Event{Op: changes.Message, Prefix: prefix, Content: fmt.Appendf(nil, "%x 7 %s", h.Sum(nil), body)}
}

func TestMessagesAreVerified(t *testing.T) {
	t.Parallel()
	const body = `{"xid": "4294967301", "data": {"tag": "CREATE TABLE"}}`
	good := string(signed("fluxbase.ddl", body).Content)
	for _, tt := range []struct {
		name, prefix, content string
		xid                   uint32
		want                  error
	}{
		{"as it was sent", "fluxbase.ddl", good, 5, nil},
		{"in another transaction", "fluxbase.ddl", good, 6, errReplayed},
		{"outside of transactions", "fluxbase.ddl", string(signed("fluxbase.ddl", `{"xid": "0"}`).Content), 0, errReplayed},
		{"under another prefix", "fluxbase.mark", good, 5, errForged},
		{"with another body", "fluxbase.ddl", good + " ", 5, errForged},
		{"with another code", "fluxbase.ddl", "00" + good[2:], 5, errForged},
		{"under another key", "fluxbase.ddl", good[:65] + "8" + good[66:], 5, errUnknownKey},
		{"under no number", "fluxbase.ddl", good[:65] + "x" + good[66:], 5, errMalformed},
		{"a short code", "fluxbase.ddl", good[2:], 5, errMalformed},
		{"a code that is no number", "fluxbase.ddl", "xx" + good[2:], 5, errMalformed},
		{"no body", "fluxbase.ddl", good[:66], 5, errMalformed},
		{"nothing", "fluxbase.ddl", "", 5, errMalformed},
		{"no JSON", "fluxbase.ddl", string(signed("fluxbase.ddl", `xid 5`).Content), 5, errMalformed},
	} {
		e := &changes.Event{Op: changes.Message, Prefix: tt.prefix, Content: []byte(tt.content)}
		if err := testKeys.verify(e, tt.xid); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

// Nothing that was not signed is ever obeyed, and nothing makes the check panic.
func FuzzVerify(f *testing.F) {
	good := signed("fluxbase.ddl", `{"xid": "5", "data": null}`)
	f.Add(good.Prefix, good.Content, uint32(5))
	f.Add("fluxbase.mark", []byte(hex.EncodeToString(make([]byte, 32))+" 7 {}"), uint32(0))
	f.Add("", []byte(" 7 "), uint32(1))
	f.Fuzz(func(t *testing.T, prefix string, content []byte, xid uint32) {
		err := testKeys.verify(&changes.Event{Prefix: prefix, Content: content}, xid)
		if err == nil && !bytes.Equal(bytes.ToLower(content[:64]), signed(prefix, string(content[67:])).Content[:64]) {
			t.Errorf("accepted %q %q", prefix, content)
		}
	})
}

func TestSnapshots(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		snapshot string
		xid      uint32
		want     bool
	}{
		{"10:20:", 9, true},
		{"10:20:", 15, true},
		{"10:20:12,15", 15, false},
		{"10:20:12,15", 14, true},
		{"10:20:", 20, false},
		{"10:20:", 21, false},
		// In the second round of 32-bit ids, and around its begin.
		{"4294967306:4294967316:4294967310", 14, false},
		{"4294967306:4294967316:4294967310", 15, true},
		{"4294967306:4294967316:", 21, false},
		{"4294967290:4294967300:4294967295", 4294967295, false},
		{"4294967290:4294967300:4294967295", 4294967294, true},
		{"4294967290:4294967300:", 3, true},
		{"4294967286:4294967290:", 3, false},
	} {
		if got, err := Sees(tt.snapshot, tt.xid); err != nil || got != tt.want {
			t.Errorf("%s sees %d: got %t, %v", tt.snapshot, tt.xid, got, err)
		}
	}
	for _, bad := range []string{"", "10", "10:20", "a:20:", "10:b:"} {
		if _, err := Sees(bad, 1); err == nil {
			t.Errorf("%q is taken for a snapshot", bad)
		}
	}
}
