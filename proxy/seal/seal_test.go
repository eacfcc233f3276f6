package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

// text is a key of 32 times the same byte.
func text(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, keySize)) }

func keysOf(t testing.TB, list string) *Keys {
	t.Helper()
	k, err := New(Config{EncryptionKey: list})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var at = Place{"auth.factors", "secret", "7"}

func TestWhatIsSealedOpensAtItsPlaceAlone(t *testing.T) {
	t.Parallel()
	k := keysOf(t, text(1))
	sealed := k.Seal([]byte("a secret"), at)
	if got, err := k.Open(sealed, at); err != nil || string(got) != "a secret" {
		t.Errorf("got %q, %v", got, err)
	}
	if strings.Contains(sealed, "secret") || !Sealed(sealed) || Sealed("JBSWY3DPEHPK3PXP") || Sealed("") {
		t.Errorf("what is sealed is not told from what is not: %s", sealed)
	}
	if k.Seal([]byte("a secret"), at) == sealed {
		t.Error("two sealed values of one secret are equal")
	}
	for _, other := range []Place{
		{"auth.factors", "secret", "8"},
		{"auth.factors", "other", "7"},
		{"auth.other", "secret", "7"},
		{"auth.factorss", "ecret", "7"},
		{"auth.factors", "secret7", ""},
	} {
		if got, err := k.Open(sealed, other); !errors.Is(err, ErrBroken) {
			t.Errorf("at %v: got %q, %v", other, got, err)
		}
	}
}

func TestEveryBitOfASealedValueCounts(t *testing.T) {
	t.Parallel()
	k := keysOf(t, text(1))
	sealed := k.Seal([]byte("a secret"), at)
	for i := range len(sealed) * 8 {
		changed := []byte(sealed)
		changed[i/8] ^= 1 << (i % 8)
		if got, err := k.Open(string(changed), at); err == nil {
			t.Errorf("bit %d changed and still %q", i, got)
		}
	}
	for i := range len(sealed) {
		if got, err := k.Open(sealed[:i], at); err == nil {
			t.Errorf("cut to %d and still %q", i, got)
		}
	}
	if got, err := k.Open("in plaintext", at); !errors.Is(err, ErrNotSealed) || got != nil {
		t.Errorf("plaintext gives %q, %v", got, err)
	}
}

func TestKeysChangeWithoutALoss(t *testing.T) {
	t.Parallel()
	old := keysOf(t, text(1))
	sealed, derived := old.Seal([]byte("a secret"), at), old.Derive("refresh token")
	for name, list := range map[string]string{
		"a new one before it":          text(2) + "," + text(1),
		"names for both":               "new:" + text(2) + ", old:" + text(1),
		"a new one, and this, a name":  "2027:" + text(2) + ",2026:" + text(1),
		"others too, in any alphabet":  text(2) + "," + text(3) + "," + strings.TrimRight(text(1), "="),
		"this one named and the first": "first:" + text(1),
	} {
		k := keysOf(t, list)
		got, err := k.Open(sealed, at)
		if err != nil || string(got) != "a secret" || !k.NeedsReseal(sealed) {
			t.Errorf("%s: got %q, %v, to be sealed again %t", name, got, err, k.NeedsReseal(sealed))
		}
		again := k.Seal(got, at)
		if k.NeedsReseal(again) {
			t.Errorf("%s: what the first has sealed is to be sealed again", name)
		}
		if from, ok := k.DeriveFrom(old.ID(), "refresh token"); !ok || !bytes.Equal(from, derived) {
			t.Errorf("%s: what was derived before can't be any more", name)
		}
		if _, err := old.Open(again, at); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("%s: without the new key: %v", name, err)
		}
	}
	if old.NeedsReseal(sealed) {
		t.Error("it is to be sealed again under the same key")
	}
	if _, ok := old.DeriveFrom("new", "refresh token"); ok {
		t.Error("an unknown key derives")
	}
	// Another key under a name that was used.
	if _, err := keysOf(t, "a:"+text(2)).Open(keysOf(t, "a:"+text(1)).Seal(nil, at), at); !errors.Is(err, ErrBroken) {
		t.Errorf("another key of the same name: %v", err)
	}
}

func TestDerivedKeysDiffer(t *testing.T) {
	t.Parallel()
	k, other := keysOf(t, text(1)), keysOf(t, text(2))
	seen := map[string]string{}
	for name, out := range map[string][]byte{
		"refresh token": k.Derive("refresh token"), "nonce": k.Derive("nonce"), "another key": other.Derive("refresh token"),
		"what seals": derive(k.list[0].master, "seal"), "the key": k.list[0].master,
	} {
		if len(out) != 32 || seen[string(out)] != "" {
			t.Errorf("%s has %d bytes and is that of %q", name, len(out), seen[string(out)])
		}
		seen[string(out)] = name
	}
	if !bytes.Equal(k.Derive("nonce"), keysOf(t, text(1)).Derive("nonce")) {
		t.Error("another process derives something else")
	}
}

func TestMistakesInKeysAreToldWithoutTheKeys(t *testing.T) {
	t.Parallel()
	good := text(1)
	for name, tt := range map[string]struct{ list, want string }{
		"too short":                {base64.StdEncoding.EncodeToString([]byte("a short one")), "key 1 has 11 bytes, and must have 32"},
		"too long":                 {good + "," + base64.StdEncoding.EncodeToString(make([]byte, 33)), "key 2 has 33 bytes"},
		"no base64":                {"a key in plain words, of many bytes", "key 1 is not base64"},
		"an empty one":             {good + ",", "key 2 has 0 bytes"},
		"bits that mean nothing":   {strings.Repeat("A", 42) + "B", "is not base64"},
		"a line break":             {good[:20] + "\n" + good[20:], "is not base64"},
		"the same twice":           {good + "," + good, "key 2 is there twice"},
		"the same twice, named":    {"a:" + good + ",b:" + good, "key 2 is there twice"},
		"a name twice":             {"a:" + good + ",a:" + text(2), "key 2 has the name a, as another one"},
		"a name that is another's": {keysOf(t, good).ID() + ":" + text(2) + "," + good, "key 2 is there twice"},
		"no name":                  {":" + good, "has a name that is not"},
		"a name with a dot":        {"a.b:" + good, "has a name that is not"},
	} {
		k, err := New(Config{EncryptionKey: tt.list})
		if err == nil || k != nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), good) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
		if (&Config{EncryptionKey: tt.list}).Check() == nil {
			t.Errorf("%s: passes", name)
		}
	}
	if _, err := New(Config{}); !errors.Is(err, ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
	if err := new(Config).Check(); err != nil {
		t.Errorf("no key at all is a mistake: %v", err)
	}
}

// Whatever is read, nothing opens that was not sealed, and what parses is what is printed.
func FuzzOpen(f *testing.F) {
	k := keysOf(f, "a:"+text(1)+","+text(2))
	f.Add(k.Seal([]byte("a secret"), at), "a secret")
	f.Add("fbs1.a.", "")
	f.Add("fbs1..AAAA", "x")
	f.Add("fbs2.a.AAAA", "fbs1.a.AAAA")
	f.Fuzz(func(t *testing.T, sealed, secret string) {
		if got, err := k.Open(sealed, Place{"t", "c", "fuzzed"}); err == nil {
			t.Errorf("%q opens: %q", sealed, got)
		}
		if id, data, err := parse(sealed); err == nil && version+"."+id+"."+base64.RawURLEncoding.EncodeToString(data) != sealed {
			t.Errorf("%q is another way to write a value", sealed)
		}
		if got, err := k.Open(k.Seal([]byte(secret), at), at); err != nil || string(got) != secret {
			t.Errorf("%q comes back as %q, %v", secret, got, err)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add(text(1))
	f.Add("a:" + text(1) + "," + text(2))
	f.Add(" , ")
	f.Fuzz(func(t *testing.T, list string) {
		k, err := New(Config{EncryptionKey: list})
		if err != nil {
			return
		}
		if got, err := k.Open(k.Seal([]byte("x"), at), at); err != nil || string(got) != "x" || !validID(k.ID()) {
			t.Errorf("%q: %q, %v", list, got, err)
		}
	})
}
