package password

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// quick are parameters that Check would refuse: less than a millisecond.
var quick = Config{Memory: 64, Iterations: 2, Parallelism: 1, Hashers: 2, Queue: 100, Wait: time.Minute}

func newHasher(cfg Config) *Hasher { return New(cfg, Compute, prometheus.NewRegistry()) }

// long is 72 characters.
const long = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// Of the reference implementations: phc-winner-argon2 (test.c), crypt_blowfish (wrapper.c) and
// firebase/scrypt (README), and two that Supabase's own tests have.
var known = []struct{ name, password, hash string }{
	{"argon2id", "password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
	{"argon2id of two lanes", "password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"},
	{"argon2i", "password", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8"},
	{"argon2id of another service", "test", "$argon2id$v=19$m=32,t=3,p=2$SFVpOWJ0eXhjRzVkdGN1RQ$RXnb8rh7LaDcn07xsssqqulZYXOM/EUCEFMVcAcyYVk"},
	{"argon2i of another service", "test", "$argon2i$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g"},
	{"bcrypt 2a", "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	{"bcrypt 2b", "U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	{"bcrypt 2y with bytes over 127", "\xff\xff\xa3", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"},
	{"bcrypt of more than 72 bytes", long + "chars after 72 are ignored", "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"},
	{"scrypt of Firebase", "user1password", "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==" +
		"$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="},
}

func TestHashesOfOthersAreVerifiedAndToBeReplaced(t *testing.T) {
	t.Parallel()
	h := newHasher(quick)
	for _, k := range known {
		if err := CheckHash(k.hash); err != nil {
			t.Errorf("%s: %v", k.name, err)
		}
		ok, upgrade, err := h.Verify(t.Context(), k.hash, k.password)
		// Of all of them, only the argon2id of 64 KiB or more with salt and sum of full length is as
		// strong as those of quick, and there is none.
		if !ok || !upgrade || err != nil {
			t.Errorf("%s: the right password gave %t, replace %t, %v", k.name, ok, upgrade, err)
		}
		for _, wrong := range []string{"", "x" + k.password, strings.ToUpper(k.password) + "\x00"} {
			if ok, upgrade, err := h.Verify(t.Context(), k.hash, wrong); ok || upgrade || err != nil {
				t.Errorf("%s: %q gave %t, replace %t, %v", k.name, wrong, ok, upgrade, err)
			}
		}
	}
}

func TestANewHashIsOfTheConfiguredStrength(t *testing.T) {
	t.Parallel()
	h := newHasher(quick)
	hash, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=64,t=2,p=1$") {
		t.Errorf("the hash is %s", hash)
	}
	if again, _ := h.Hash(t.Context(), "correct horse"); again == hash {
		t.Error("two hashes of one password are the same: no salt")
	}
	if ok, upgrade, err := h.Verify(t.Context(), hash, "correct horse"); !ok || upgrade || err != nil {
		t.Errorf("got %t, replace %t, %v", ok, upgrade, err)
	}

	for name, cfg := range map[string]Config{
		"memory": {Memory: 128, Iterations: 2, Parallelism: 1, Hashers: 1, Queue: 1, Wait: time.Minute},
		"passes": {Memory: 64, Iterations: 3, Parallelism: 1, Hashers: 1, Queue: 1, Wait: time.Minute},
	} {
		if ok, upgrade, err := newHasher(cfg).Verify(t.Context(), hash, "correct horse"); !ok || !upgrade || err != nil {
			t.Errorf("with more %s configured: got %t, replace %t, %v", name, ok, upgrade, err)
		}
	}
	stronger, _ := newHasher(Config{Memory: 128, Iterations: 3, Parallelism: 2, Hashers: 1, Queue: 1, Wait: time.Minute}).Hash(t.Context(), "correct horse")
	if ok, upgrade, err := h.Verify(t.Context(), stronger, "correct horse"); !ok || upgrade || err != nil {
		t.Errorf("a stronger one: got %t, replace %t, %v", ok, upgrade, err)
	}
}

func TestAPasswordIsTheSameFromEveryKeyboard(t *testing.T) {
	t.Parallel()
	const composed, decomposed = "garçon-ångström", "garc\u0327on-a\u030angstro\u0308m"
	h := newHasher(quick)
	for _, typed := range []string{composed, decomposed} {
		hash, err := h.Hash(t.Context(), typed)
		if err != nil {
			t.Fatal(err)
		}
		for _, later := range []string{composed, decomposed} {
			if ok, upgrade, err := h.Verify(t.Context(), hash, later); !ok || upgrade || err != nil {
				t.Errorf("%+q for %+q: got %t, replace %t, %v", later, typed, ok, upgrade, err)
			}
		}
	}
	// Who made the hash elsewhere took it as it was typed.
	imported := h.own
	imported.salt = make([]byte, saltBytes)
	imported.sum = imported.derive([]byte(decomposed))
	if ok, upgrade, err := h.Verify(t.Context(), imported.String(), decomposed); !ok || !upgrade || err != nil {
		t.Errorf("imported: got %t, replace %t, %v", ok, upgrade, err)
	}
	if ok, _, err := h.Verify(t.Context(), imported.String(), decomposed+"x"); ok || err != nil {
		t.Errorf("imported, wrong: got %t, %v", ok, err)
	}
}

func TestHashesThatCostTooMuchOrSayNothingAreRefused(t *testing.T) {
	t.Parallel()
	const tail = "$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	const signer = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVM="
	const scryptTail = ",ss=Bw==,sk=" + signer + "$42xEC+ixf3L2lw==$" + signer
	h := newHasher(quick)
	for name, hash := range map[string]string{
		"no hash":                       "password",
		"unknown":                       "$pbkdf2-sha256$29000$c2FsdA$aGFzaA",
		"too long":                      "$argon2id$v=19$m=256,t=2,p=1$" + strings.Repeat("A", 2000) + "$AAAA",
		"argon2d":                       "$argon2d$v=19$m=256,t=2,p=1" + tail,
		"argon2 before 1.3":             "$argon2id$v=16$m=256,t=2,p=1" + tail,
		"argon2 with 1 PiB":             "$argon2id$v=19$m=1099511627776,t=1,p=1" + tail,
		"argon2 with 2^64":              "$argon2id$v=19$m=18446744073709551616,t=1,p=1" + tail,
		"argon2 with 257 MiB":           "$argon2id$v=19$m=263168,t=1,p=1" + tail,
		"argon2 with a billion passes":  "$argon2id$v=19$m=256,t=1000000000,p=1" + tail,
		"argon2 with much of both":      "$argon2id$v=19$m=262144,t=5,p=1" + tail,
		"argon2 with no pass":           "$argon2id$v=19$m=256,t=0,p=1" + tail,
		"argon2 with no lane":           "$argon2id$v=19$m=256,t=1,p=0" + tail,
		"argon2 with 17 lanes":          "$argon2id$v=19$m=2560,t=1,p=17" + tail,
		"argon2 with too little memory": "$argon2id$v=19$m=7,t=1,p=1" + tail,
		"argon2 with a key id":          "$argon2id$v=19$m=256,t=2,p=1,keyid=AAAA" + tail,
		"argon2 with a plus":            "$argon2id$v=19$m=+256,t=2,p=1" + tail,
		"argon2 without a salt":         "$argon2id$v=19$m=256,t=2,p=1$$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"argon2 without a sum":          "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$",
		"argon2 with half a sum":        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOg",
		"argon2 with padding":           "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ=$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"argon2 and more":               "$argon2id$v=19$m=256,t=2,p=1" + tail + "$x",
		"bcrypt that costs an hour":     "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt that costs nothing":     "$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt 2x":                     "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt cut off":                "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
		"bcrypt and a line":             "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n",
		"scrypt with 2^63":              "$fbscrypt$v=1,n=63,r=8,p=1" + scryptTail,
		"scrypt with 2 GiB":             "$fbscrypt$v=1,n=21,r=8,p=1" + scryptTail,
		"scrypt with many blocks":       "$fbscrypt$v=1,n=14,r=1073741824,p=1" + scryptTail,
		"scrypt with many passes":       "$fbscrypt$v=1,n=18,r=8,p=16" + scryptTail,
		"scrypt of another version":     "$fbscrypt$v=2,n=14,r=8,p=1" + scryptTail,
		"scrypt without a key":          "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=$42xEC+ixf3L2lw==$",
		"scrypt with half a sum":        "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=" + signer + "$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9A==",
	} {
		if err := CheckHash(hash); !errors.Is(err, ErrHash) {
			t.Errorf("%s: the import says %v", name, err)
		} else if strings.Contains(err.Error(), "nf65EO") || strings.Contains(err.Error(), signer) {
			t.Errorf("%s: the error tells the hash: %v", name, err)
		}
		if ok, upgrade, err := h.Verify(t.Context(), hash, "password"); ok || upgrade || !errors.Is(err, ErrHash) {
			t.Errorf("%s: got %t, replace %t, %v", name, ok, upgrade, err)
		}
	}
}

func TestNoPasswordIsRightForUsersWithoutOne(t *testing.T) {
	t.Parallel()
	h := newHasher(quick)
	for _, password := range []string{"", "password", strings.Repeat("x", 1<<20)} {
		if ok, upgrade, err := h.Verify(t.Context(), "", password); ok || upgrade || err != nil {
			t.Errorf("%d bytes: got %t, replace %t, %v", len(password), ok, upgrade, err)
		}
		if err := h.verifyNothing(t.Context(), password); err != nil {
			t.Errorf("nobody, %d bytes: %v", len(password), err)
		}
	}
	if ok, _, err := h.Verify(t.Context(), known[0].hash, strings.Repeat("x", 1<<20)); ok || err != nil {
		t.Errorf("a megabyte: got %t, %v", ok, err)
	}
}

// slowHash takes a time that the clock of a synctest bubble knows.
type slowHash struct {
	takes time.Duration
	right bool
}

func (h slowHash) on(ctx context.Context, t *testing.T, hasher *Hasher) time.Duration {
	start := time.Now()
	hasher.compute = func([]byte) ([]byte, error) {
		time.Sleep(h.takes)
		if h.right {
			return []byte(right), nil
		}
		return []byte(wrong), nil
	}
	if ok, _, err := hasher.match(ctx, "slow", "", "password"); ok != h.right || err != nil {
		t.Errorf("got %t, %v", ok, err)
	}
	return time.Since(start)
}

func TestFailuresTakeAsLongForEveryKindOfHash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(quick)
		slow, fast := slowHash{70 * time.Millisecond, false}, slowHash{40 * time.Millisecond, false}
		for range 100 { // until it knows
			slow.on(t.Context(), t, h)
		}
		for range 10 {
			if s, f := slow.on(t.Context(), t, h), fast.on(t.Context(), t, h); s-f > time.Millisecond || f-s > time.Millisecond {
				t.Errorf("the slow one took %s, the fast one %s", s, f)
			}
		}
		if took := (slowHash{40 * time.Millisecond, true}).on(t.Context(), t, h); took != 40*time.Millisecond {
			t.Errorf("a right password took %s", took)
		}

		// Whoever goes away does not wait for it. What was checked is no error then: it counts.
		ctx, cancel := context.WithCancel(t.Context())
		go func() { time.Sleep(50 * time.Millisecond); cancel() }()
		if took := fast.on(ctx, t, h); took != 50*time.Millisecond {
			t.Errorf("it took %s", took)
		}
	})
}

func TestConfigTakesWhatIsSane(t *testing.T) {
	t.Parallel()
	var c Config
	if err := c.Check(); err != nil || c.Memory != 19456 || c.Iterations != 2 || c.Parallelism != 1 ||
		c.Hashers < 1 || c.Queue != 1000 || c.Wait != 10*time.Second {
		t.Errorf("nothing set: %+v, %v", c, err)
	}
	negative := Config{Memory: -1, Iterations: -1, Parallelism: -1, Hashers: -1, Queue: -1, Wait: -1}
	if err := negative.Check(); err != nil || negative != c {
		t.Errorf("negative: %+v, %v", negative, err)
	}
	for want, c := range map[string]Config{
		"FLUXBASE_AUTH_ARGON2_MEMORY is 4096":                                      {Memory: 4096, Iterations: 20},
		"FLUXBASE_AUTH_ARGON2_MEMORY is 1048576":                                   {Memory: 1 << 20, Iterations: 1},
		"FLUXBASE_AUTH_ARGON2_PARALLELISM is 17":                                   {Parallelism: 17},
		"FLUXBASE_AUTH_ARGON2_MEMORY times FLUXBASE_AUTH_ARGON2_ITERATIONS is 194": {Iterations: 1},
		"give values whose product is 35840 to 1048576 KiB":                        {Iterations: 1 << 60},
	} {
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for _, c := range []Config{{Memory: 47104, Iterations: 1}, {Memory: 7168, Iterations: 5}, {Memory: 262144, Iterations: 4, Parallelism: 16}} {
		if err := c.Check(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		own := argon2Hash{id: true, memory: uint32(c.Memory), passes: uint32(c.Iterations), lanes: uint8(c.Parallelism), salt: make([]byte, saltBytes), sum: make([]byte, sumBytes)}
		if err := CheckHash(own.String()); err != nil {
			t.Errorf("hashes of %+v can't be verified: %v", c, err)
		}
	}
}

func FuzzCheckHash(f *testing.F) {
	for _, k := range known {
		f.Add(k.hash)
	}
	f.Add("$fbscrypt$v=1,n=21,r=64,p=16,ss=,sk=$$")
	f.Fuzz(func(t *testing.T, text string) {
		hash, err := parse(text)
		if (err == nil) == errors.Is(err, ErrHash) {
			t.Fatalf("%q: %v", text, err)
		}
		if err != nil {
			return
		}
		switch h := hash.(type) {
		case *argon2Hash:
			if h.String() != text {
				t.Errorf("%q is read as %q", text, h)
			}
			if h.memory > maxMemory || uint64(h.memory)*uint64(h.passes) > maxWork {
				t.Errorf("%q costs too much", text)
			}
		case *scryptHash:
			if kib := 128 * h.n * h.r >> 10; kib > maxMemory || kib*h.p > maxWork {
				t.Errorf("%q costs too much", text)
			}
		case bcryptHash:
			if string(h) != text {
				t.Errorf("%q is read as %q", text, h)
			}
		}
	})
}
