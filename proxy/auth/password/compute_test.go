package password

import (
	"cmp"
	"errors"
	"strings"
	"testing"
)

func TestWhatIsNoRequestIsRefused(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"nothing":              "",
		"no hash":              "\x00password",
		"no password":          "v" + known[0].hash,
		"nothing to do":        "x" + known[0].hash + "\x00password",
		"a bcrypt to make":     "m" + known[5].hash + "\x00password",
		"a hash of no form":    "vplain\x00password",
		"a hash of a terabyte": "m$argon2id$v=19$m=1073741824,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4\x00password",
	} {
		if answer, err := Compute([]byte(request)); err == nil || strings.Contains(err.Error(), "c29tZXNhbHQ") {
			t.Errorf("%s: got %q, %v", name, answer, err)
		}
	}
}

func TestAHashThatCanNotBeComputedIsNoWrongPassword(t *testing.T) {
	t.Parallel()
	h, planted := newHasher(quick), errors.New("planted")
	for _, answer := range []struct {
		text string
		err  error
	}{{"", planted}, {"1", planted}, {"", nil}, {"3", nil}, {"11", nil}} {
		h.compute = func([]byte) ([]byte, error) { return []byte(answer.text), answer.err }
		want := cmp.Or(answer.err, errNoAnswer)
		if ok, _, err := h.Verify(t.Context(), known[0].hash, known[0].password); ok || !errors.Is(err, want) || errors.Is(err, ErrHash) {
			t.Errorf("%q verified: %t, %v", answer.text, ok, err)
		}
		if hash, err := h.Hash(t.Context(), "password"); hash != "" || !errors.Is(err, want) {
			t.Errorf("%q made: %q, %v", answer.text, hash, err)
		}
	}
	if taken := len(h.gate.places); taken != 0 {
		t.Errorf("%d places are taken", taken)
	}
}
