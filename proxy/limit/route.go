package limit

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// classes are the classes of routes by prefix. All is in "all" beside.
var classes = []struct{ prefix, class string }{
	{"/auth/v1", "auth"},
	{"/realtime/v1", "realtime"},
	{"/storage/v1", "storage"},
	{"/functions/v1", "functions"},
	{"/graphql/v1", "graphql"},
	{"/jobs/v1", "jobs"},
	{"/api/v1/admin", "admin"},
}

const allRoutes = "all"

var (
	classesOfNone = []string{allRoutes}
	classesOfREST = []string{allRoutes, "rest"}
	classesOfRPC  = []string{allRoutes, "rest", "rpc"}
	classesBelow  = func() [][]string {
		list := make([][]string, len(classes))
		for i, c := range classes {
			list[i] = []string{allRoutes, c.class}
		}
		return list
	}()
)

// classesOf gives the classes that a path is in. rest is the prefix of REST, without a
// slash at its end.
func classesOf(path, rest string) []string {
	for i, c := range classes {
		if below(path, c.prefix) {
			return classesBelow[i]
		}
	}
	switch {
	case !below(path, rest):
		return classesOfNone
	case below(path[len(rest):], "/rpc"):
		return classesOfRPC
	}
	return classesOfREST
}

func below(path, prefix string) bool {
	return strings.HasPrefix(path, prefix) && (len(path) == len(prefix) || path[len(prefix)] == '/')
}

// exempt tells requests that are never limited: those of balancers and of browsers that
// only ask what they may do.
func exempt(r *http.Request) bool {
	return r.Method == http.MethodOptions || r.URL.Path == "/livez" || r.URL.Path == "/readyz"
}

var slashes = regexp.MustCompile(`/{2,}`)

// pathOf is the path as rules see it: decoded, so that no escape leads around a rule, and
// with one slash where there are several, or one at the end.
func pathOf(r *http.Request) string {
	path := r.URL.Path
	if strings.Contains(path, "//") {
		path = slashes.ReplaceAllLiteralString(path, "/")
	}
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	return path
}

// routesOf makes the condition of a rule: a class, or a path in which * stands for any
// part of a segment and ** for any segments.
func routesOf(routes string) (func(path string, classes []string) bool, error) {
	if !strings.HasPrefix(routes, "/") {
		return func(_ string, of []string) bool { return slices.Contains(of, routes) }, nil
	}
	prefix, whole := strings.CutSuffix(routes, "/**")
	switch {
	case !strings.Contains(prefix, "*") && whole:
		return func(path string, _ []string) bool { return below(path, prefix) }, nil
	case !strings.Contains(routes, "*"):
		return func(path string, _ []string) bool { return path == routes }, nil
	}
	// A regular expression of Go takes linear time, whatever a client asks for.
	text := regexp.QuoteMeta(routes)
	for _, wildcard := range [...]struct{ glob, means string }{
		{`/\*\*`, `(?:/.*)?`}, {`\*\*`, `.*`}, {`\*`, `[^/]*`},
	} {
		text = strings.ReplaceAll(text, wildcard.glob, wildcard.means)
	}
	re, err := regexp.Compile(`(?s)^` + text + `$`)
	if err != nil {
		return nil, fmt.Errorf("read the routes %q: %w", routes, err)
	}
	return func(path string, _ []string) bool { return re.MatchString(path) }, nil
}
