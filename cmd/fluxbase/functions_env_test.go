package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEnvFilesAreReadAsSupabaseDoes(t *testing.T) {
	for text, want := range map[string][]string{
		"A=1\n\n# no\nexport B = two words # three\nC=a#b\n": {"A=1", "B=two words", "C=a#b"},
		`A="x # y" # z` + "\nB=' it is \\n '\nC=\"\"":        {"A=x # y", `B= it is \n `, "C="},
		`A="one\ntwo\\n \"three\""`:                          {"A=one\ntwo\\n \"three\""},
		"KEY=\"-----BEGIN KEY-----\r\n  ab= #1\r\n-----END KEY-----\r\n\"\r\nB='a\n# b'": {
			"KEY=-----BEGIN KEY-----\n  ab= #1\n-----END KEY-----\n", "B=a\n# b",
		},
		"SUPABASE_URL=\"a\nb\"\nA=it's": {"A=it's"},
		"A=1\n\nB=\"x\nC=2":             {"line 3: the quote before the value of B has no end"},
		"A=\"x\" y":                     {"line 1: there is more behind the quotes of A"},
		"A=1\nB":                        {"line 2: give NAME=value"},
	} {
		file := filepath.Join(t.TempDir(), ".env")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		env, _, err := readEnvFile(file)
		if err != nil && strings.HasSuffix(err.Error(), want[0]) {
			continue
		}
		if err != nil || !slices.Equal(env, want) {
			t.Errorf("%q: got %q, %v, want %q", text, env, err, want)
		}
	}
}
