package proxy

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// routeClass is a part of the surface whose requests have the same limits.
type routeClass struct {
	name string
	// prefix is the path of it, or what its paths begin with if it ends with a slash.
	prefix string
	// bytes is how long a body may be, bulk how long one that is an array, or rows of
	// CSV or lines of JSON. The same as bytes where nothing depends on it.
	bytes, bulk int64
	// secrets tells answers that hold some. They are not compressed, because their
	// length would tell of them (BREACH).
	secrets bool
	// parsed tells a route that finds out by itself how deep JSON nests, while it reads
	// it for another reason.
	parsed bool
	// foreign tells answers whose headers, coding and time are those of who gives them, and
	// bodies that are handed on as they come.
	foreign bool
}

const authClass = "auth"

// classes are the route classes where REST is below rest; the first that fits counts.
func classes(rest string) []routeClass {
	const kb, mb = 1 << 10, 1 << 20
	return []routeClass{
		{name: authClass, prefix: "/auth/v1/", bytes: 64 * kb, bulk: 64 * kb, secrets: true},
		{name: "deploy", prefix: "/api/v1/admin/functions/", bytes: 40 * mb, bulk: 40 * mb, secrets: true},
		{name: "admin", prefix: "/api/v1/admin/", bytes: 5 * mb, bulk: 5 * mb, secrets: true},
		{name: "storage", prefix: "/storage/v1/", bytes: 100 * mb, bulk: 100 * mb},
		{name: "jobs", prefix: "/jobs/v1/", bytes: 10 * mb, bulk: 10 * mb},
		{name: "realtime", prefix: "/realtime/v1/", bytes: 10 * mb, bulk: 10 * mb},
		{name: "functions", prefix: "/functions/v1/", bytes: math.MaxInt64, bulk: math.MaxInt64, parsed: true, foreign: true},
		{name: "rpc", prefix: rest + "/rpc/", bytes: 10 * mb, bulk: 10 * mb, parsed: true},
		{name: "bulk", prefix: rest + "/batch", bytes: 10 * mb, bulk: 10 * mb, parsed: true},
		{name: "rest", prefix: rest + "/", bytes: 1 * mb, bulk: 10 * mb, parsed: true},
		{name: "other", prefix: "/", bytes: 1 * mb, bulk: 1 * mb},
	}
}

// classOf is the class of a path, which begins with a slash or is of none.
func (s *Server) classOf(path string) *routeClass {
	for i := range s.classes {
		c := &s.classes[i]
		if path == c.prefix || strings.HasPrefix(path, c.prefix) && c.prefix[len(c.prefix)-1] == '/' {
			return c
		}
	}
	return &s.classes[len(s.classes)-1]
}

// rule is a limit for the requests whose method and path it matches.
type rule struct {
	method string // empty is any
	glob   []string
	bytes  int64
}

// parseRules reads a list of "METHOD /path=SIZE", where METHOD may be missing.
func parseRules(list []string) ([]rule, error) {
	var rules []rule
	var errs []error
	for _, text := range list {
		r, err := parseRule(strings.TrimSpace(text))
		if err != nil {
			errs = append(errs, fmt.Errorf("%q %w", text, err))
		}
		rules = append(rules, r)
	}
	return rules, errors.Join(errs...)
}

func parseRule(text string) (r rule, err error) {
	where, size, ok := cutLast(text, '=')
	if !ok {
		return r, errors.New("has no limit: give [METHOD] /path=SIZE, as in POST /rest/v1/**=2MB")
	}
	if r.bytes, err = parseSize(size); err != nil {
		return r, err
	}
	if method, rest, ok := strings.Cut(where, " "); ok {
		r.method, where = strings.ToUpper(method), strings.TrimSpace(rest)
	}
	if where = strings.TrimSpace(where); where == "" || where[0] != '/' {
		return r, errors.New("has no path: give [METHOD] /path=SIZE, as in POST /rest/v1/**=2MB")
	}
	r.glob = strings.Split(where[1:], "/")
	for _, g := range r.glob {
		if _, err := path.Match(g, ""); err != nil {
			return r, errors.New("has a [ that is not closed")
		}
	}
	return r, nil
}

func cutLast(s string, c byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, c); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// parseSize reads a number of bytes, with a unit of 1024 as in Postgres: B, KB or KiB,
// MB or MiB, GB or GiB.
func parseSize(text string) (int64, error) {
	text = strings.TrimSpace(text)
	digits := strings.TrimRight(text, "BKMGibkmg ")
	n, err := strconv.ParseInt(digits, 10, 64)
	shift, known := map[string]uint{
		"": 0, "b": 0, "kb": 10, "kib": 10, "mb": 20, "mib": 20, "gb": 30, "gib": 30,
	}[strings.ToLower(strings.TrimSpace(text[len(digits):]))]
	if err != nil || !known || n <= 0 || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("has the size %q: give bytes, or 64KB, 1MB, 10MiB, 2GB", text)
	}
	return n << shift, nil
}

// match tells whether the rule is for r. Segments are compared as they are unescaped,
// so that no other spelling of a name leads around a rule.
func (u *rule) match(r *http.Request) bool {
	if u.method != "" && u.method != r.Method {
		return false
	}
	p, ok := strings.CutPrefix(r.URL.EscapedPath(), "/")
	return ok && matchSegments(u.glob, p)
}

// firstMatch gives the limit of the first rule that is for r; 0 if there is none.
func firstMatch(rules []rule, r *http.Request) int64 {
	for i := range rules {
		if rules[i].match(r) {
			return rules[i].bytes
		}
	}
	return 0
}

// matchSegments matches glob with a path without its first slash. ** is any number of
// segments; only the last one that was met is ever tried again, which is enough.
func matchSegments(glob []string, p string) bool {
	rest, more := p, true // more tells that there is another segment, even an empty one
	var retry []string
	var from string
	for {
		switch {
		case len(glob) > 0 && glob[0] == "**":
			if glob = glob[1:]; len(glob) == 0 {
				return true
			}
			retry, from = glob, rest
			continue
		case len(glob) == 0 && !more:
			return true
		case len(glob) > 0 && more:
			segment, after, found := strings.Cut(rest, "/")
			if matchSegment(glob[0], segment) {
				glob, rest, more = glob[1:], after, found
				continue
			}
		}
		if retry == nil {
			return false
		}
		var found bool
		if _, from, found = strings.Cut(from, "/"); !found {
			return false
		}
		glob, rest, more = retry, from, true
	}
}

func matchSegment(glob, segment string) bool {
	if strings.IndexByte(segment, '%') >= 0 {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return false
		}
		segment = plain
	}
	if glob == segment {
		return true
	}
	ok, _ := path.Match(glob, segment) // parseRule has read the pattern
	return ok || glob == "*"           // which a slash within a name may not end
}

// limit is how long a body may be.
type limit struct {
	class       string
	bytes, bulk int64
}

func (l limit) most() int64 { return max(l.bytes, l.bulk) }

// limitOf is the limit for the body of r, which is of class c.
func (s *Server) limitOf(r *http.Request, c *routeClass, postgREST bool) limit {
	if n := firstMatch(s.bodyRules, r); n > 0 {
		return limit{c.name, n, n}
	}
	switch {
	case s.cfg.BodyLimit > 0:
		return limit{"", s.cfg.BodyLimit, s.cfg.BodyLimit}
	case postgREST:
		return limit{"", postgrestBody, postgrestBody}
	case c.bulk != c.bytes && isRows(r.Header["Content-Type"]):
		return limit{"bulk", c.bulk, c.bulk}
	}
	return limit{c.name, c.bytes, c.bulk}
}

// postgrestBody is the limit of a body in PostgREST's place, where there is one only
// because a body is held in memory.
const postgrestBody = 10 << 20

// isRows tells a body of rows by its type.
func isRows(contentType []string) bool {
	if len(contentType) == 0 {
		return false
	}
	name, _, _ := strings.Cut(contentType[0], ";")
	name = strings.TrimSpace(name)
	return strings.EqualFold(name, "text/csv") || strings.EqualFold(name, "application/x-ndjson")
}
