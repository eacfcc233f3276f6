package password

import "testing"

func BenchmarkVerify(b *testing.B) {
	var cfg Config
	if err := cfg.Check(); err != nil {
		b.Fatal(err)
	}
	h := newHasher(cfg)
	own, err := h.Hash(b.Context(), "correct horse")
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{
		"argon2id": own, "scrypt": known[9].hash,
		"bcrypt-10": "$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga",
	} {
		hash, err := parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				hash.verify([]byte("another horse"))
			}
		})
	}
}

func BenchmarkCheckHash(b *testing.B) {
	for b.Loop() {
		if err := CheckHash(known[0].hash); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRules(b *testing.B) {
	rules := Rules{MinLength: 8}
	for b.Loop() {
		rules.Check("correct horse battery", "somebody@example.com", "example.com")
	}
}
