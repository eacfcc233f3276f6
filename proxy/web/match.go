package web

import (
	"net/http"
	"strings"
)

// Find gives the number of the route that a method and a path are for, of n routes, and what
// stands in the path for *. It fails with not_found, or with method_not_allowed and the
// methods that the path takes.
func Find(method, path string, n int, route func(int) (method, pattern string)) (at int, parts []string, err error) {
	var allow []string
	for i := range n {
		takes, pattern := route(i)
		parts, ok := Match(pattern, path)
		switch {
		case !ok:
		case takes != method:
			allow = append(allow, takes)
		default:
			return i, parts, nil
		}
	}
	if allow == nil {
		return 0, nil, NotFound
	}
	e := New("method_not_allowed", "this path does not take "+method)
	e.Header = http.Header{"Allow": {strings.Join(allow, ", ")}}
	return 0, nil, e
}

// Match compares a path with a pattern, in which * stands for one part that is not
// empty, and gives what stands there.
func Match(pattern, path string) (parts []string, ok bool) {
	for {
		before, after, hole := strings.Cut(pattern, "*")
		if !hole {
			return parts, path == pattern
		}
		if path, ok = strings.CutPrefix(path, before); !ok {
			return nil, false
		}
		n := strings.IndexByte(path, '/')
		if n < 0 {
			n = len(path)
		}
		if n == 0 {
			return nil, false
		}
		parts, path, pattern = append(parts, path[:n]), path[n:], after
	}
}
