package catalog

import "strings"

// tagged finds the line "@name value" of a comment, and gives its printable value.
func tagged(comment, name string) string {
	for line := range strings.Lines(comment) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "@"+name+" "); ok {
			return strings.Map(func(r rune) rune {
				if r < ' ' || r > '~' {
					return -1
				}
				return r
			}, strings.TrimSpace(value))
		}
	}
	return ""
}
