package web

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Origins are those whose pages may read answers. The zero value is none.
type Origins struct {
	all      bool
	exact    []string
	patterns [][2]string // what stands before and behind the *
}

// ParseOrigins reads a list: *, null, origins (https://app.example.com), and origins with
// one * in the first label of their host, which stands for at least one character and no
// dot (https://*.example.com, https://app-*.example.com).
func ParseOrigins(list []string) (Origins, error) {
	var o Origins
	for _, text := range list {
		switch text {
		case "*":
			o.all = true
			continue
		case "null": // of pages in sandboxes and in files: every one of them
			o.exact = append(o.exact, text)
			continue
		}
		origin, err := parseOrigin(text)
		if err != nil {
			return Origins{}, fmt.Errorf("%q, which %w: give scheme and host without a path, https://app.example.com, or *", text, err)
		}
		if before, behind, ok := strings.Cut(origin, "*"); ok {
			o.patterns = append(o.patterns, [2]string{before, behind})
		} else {
			o.exact = append(o.exact, origin)
		}
	}
	return o, nil
}

// parseOrigin gives an origin as browsers write it: small letters, no port that is the
// scheme's own.
func parseOrigin(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", errors.New("is no URL")
	case u.Scheme == "" || u.Host == "":
		return "", errors.New("lacks scheme or host")
	case u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil:
		return "", errors.New("is more than an origin")
	}
	host := strings.ToLower(u.Host)
	if strings.ContainsFunc(host, func(c rune) bool { return c > '~' }) {
		return "", errors.New("has letters that browsers send otherwise (xn--…)")
	}
	if port := u.Port(); u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	if first, rest, _ := strings.Cut(host, "."); strings.Contains(host, "*") &&
		(strings.Count(first, "*") != 1 || strings.Contains(rest, "*") || !strings.Contains(rest, ".")) {
		return "", errors.New("has a * elsewhere than once in the first of at least three labels")
	}
	return u.Scheme + "://" + host, nil
}

// All tells whether pages of every origin may, those without one too.
func (o *Origins) All() bool { return o.all }

// Listed tells whether origin, a header as a browser sends it, is on the list by name or
// by a pattern.
// Source: RFC 6454, section 6.2; compared byte for byte, as the Fetch Standard does.
func (o *Origins) Listed(origin string) bool {
	if slices.Contains(o.exact, origin) {
		return true
	}
	for _, p := range o.patterns {
		before, behind := p[0], p[1]
		if len(origin) > len(before)+len(behind) && strings.HasPrefix(origin, before) && strings.HasSuffix(origin, behind) &&
			isLabel(origin[len(before):len(origin)-len(behind)]) {
			return true
		}
	}
	return false
}

// isLabel tells what may stand within one label of a host, as browsers write it.
func isLabel(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
