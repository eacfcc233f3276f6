package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// readEnvFile reads NAME=value lines, also with export before them, quotes around the value
// and comments. A value in quotes may have several lines. What functions get from the server
// itself is left out, and named.
func readEnvFile(path string) (env, skipped []string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	lines := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	for n := 0; n < len(lines); n++ {
		fail := func(n int, why string) ([]string, []string, error) {
			return nil, nil, fmt.Errorf("%s, line %d: %s", path, n+1, why)
		}
		line := strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(lines[n]), "export "), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" || strings.ContainsAny(name, " \t\"'") {
			return fail(n, "give NAME=value")
		}
		if value != "" && strings.ContainsRune("\"'", rune(value[0])) {
			begun := n
			_, value, _ = strings.Cut(lines[n], "=") // with the spaces at its end
			value = strings.TrimLeft(value, " \t")
			inner, rest, closed := quoted(value)
			for ; !closed && n+1 < len(lines); inner, rest, closed = quoted(value) {
				n++
				value += "\n" + lines[n]
			}
			if rest = strings.TrimSpace(rest); !closed {
				return fail(begun, "the quote before the value of "+name+" has no end")
			} else if rest != "" && rest[0] != '#' {
				return fail(n, "there is more behind the quotes of "+name)
			}
			value = inner
		} else {
			value, _, _ = strings.Cut(value, " #")
			value = strings.TrimSpace(value)
		}
		if slices.ContainsFunc([]string{"SUPABASE_", "FLUXBASE_", "DENO_", "SB_"}, func(p string) bool { return strings.HasPrefix(name, p) }) {
			skipped = append(skipped, name)
			continue
		}
		env = append(env, name+"="+value)
	}
	return env, skipped, nil
}

var escapes = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\"`, `"`, `\\`, `\`)

// quoted gives what is between the quote that a text begins with and the next, and the rest.
// Backslashes mean something between double ones.
func quoted(text string) (inner, rest string, closed bool) {
	double := text[0] == '"'
	for i := 1; i < len(text); i++ {
		switch {
		case double && text[i] == '\\':
			i++
		case text[i] == text[0]:
			if inner = text[1:i]; double {
				inner = escapes.Replace(inner)
			}
			return inner, text[i+1:], true
		}
	}
	return "", "", false
}
