package auth

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// redirects says where browsers may be sent to.
type redirects struct {
	Site  string   `json:"site_url"`
	Allow []string `json:"uri_allow_list"`
	// Page has each link show a page first.
	Page bool `json:"verify_page"`
	// AtOnce says that addresses need no mail.
	AtOnce bool `json:"mailer_autoconfirm"`
}

// redirects reads the settings.
func (h *Handler) redirects(c *call) (*redirects, error) {
	doc, err := h.ask(c, pg.ReadOnly, `select auth.redirect_settings()::text`)
	if err != nil {
		return nil, err
	}
	var r redirects
	if err := json.Unmarshal(doc, &r); err != nil {
		return nil, err
	}
	return h.onSite(&r), nil
}

// onSite makes the server's own URL that of the site if no other is set.
func (h *Handler) onSite(r *redirects) *redirects {
	r.Site = cmp.Or(r.Site, h.URL)
	return r
}

// target gives where to send a browser that shall go to wanted: there, if that is on the
// site or on the list, else to the site. It comes back as it was, but for a fragment.
func (r *redirects) target(wanted string) string {
	u := parseTarget(wanted)
	if u == nil {
		return r.Site
	}
	if site := parseTarget(r.Site); site != nil && sameSite(u, site) {
		return u.String()
	}
	for _, pattern := range r.Allow {
		if matchTarget(pattern, u) {
			return u.String()
		}
	}
	return r.Site
}

// maxTarget is more than a URL in a mail should have.
const maxTarget = 2048

// noTargets are schemes that run or read something in place of going somewhere.
var noTargets = []string{"about", "blob", "data", "file", "filesystem", "javascript", "mailto", "vbscript", "view-source", "ws", "wss"}

// parseTarget takes a URL that every browser reads as Go does (RFC 3986, and nothing of
// what the URL Standard makes of other texts), without user and fragment; nil for others.
func parseTarget(s string) *url.URL {
	if len(s) > maxTarget || strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune("\\\"<>^`{|}", c)
	}) {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || u.User != nil || slices.Contains(noTargets, u.Scheme) {
		return nil
	}
	rest, found := strings.CutPrefix(s[min(len(u.Scheme), len(s)):], "://")
	web := u.Scheme == "http" || u.Scheme == "https"
	if u.Scheme == "" || !found || web && (u.Hostname() == "" || rest[0] == '/') {
		return nil
	}
	for part := range strings.SplitSeq(u.EscapedPath(), "/") {
		switch strings.ReplaceAll(strings.ToLower(part), "%2e", ".") {
		case ".", "..": // a browser goes elsewhere
			return nil
		}
	}
	u.Fragment, u.RawFragment, u.Host = "", "", canonicalHost(u.Scheme, u.Host)
	return u
}

// canonicalHost is in lower case and without the port that goes without saying.
func canonicalHost(scheme, host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ":")
	switch scheme {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}

// sameSite tells whether u has the origin of the site. A site on this host may have any
// port (RFC 8252, section 7.3), as development servers do.
func sameSite(u, site *url.URL) bool {
	if u.Scheme != site.Scheme || u.Hostname() != site.Hostname() {
		return false
	}
	address, err := netip.ParseAddr(site.Hostname())
	return u.Host == site.Host || site.Hostname() == "localhost" || err == nil && address.IsLoopback()
}

// matchTarget compares a URL with one of the list, part by part, so that no star reaches
// beyond its part: the scheme is literal; in the host * stands for what has no dot in it,
// and ** for all at its beginning; in the path and the query * stands for what has no
// slash in it, ** for all. Without a query any is right: clients add to it.
func matchTarget(pattern string, u *url.URL) bool {
	scheme, rest, found := strings.Cut(pattern, "://")
	if !found || !strings.EqualFold(scheme, u.Scheme) {
		return false
	}
	rest, query, hasQuery := strings.Cut(rest, "?")
	end := strings.IndexByte(rest, '/')
	if end < 0 {
		end = len(rest)
	}
	host, path := canonicalHost(u.Scheme, rest[:end]), rest[end:]
	if strings.LastIndex(host, "**") > 0 {
		return false // example.com** would take example.com.evil.example
	}
	if host == "**" && path == "" {
		path = "/**"
	}
	return glob(host, u.Host, `[^./:]*`) &&
		glob(cmp.Or(path, "/"), cmp.Or(u.EscapedPath(), "/"), `[^/]*`) &&
		(!hasQuery || glob(query, withoutFlow(u.RawQuery), `[^/]*`))
}

// glob compares all of s with a pattern; star is what * stands for.
func glob(pattern, s, star string) bool {
	expr := regexp.QuoteMeta(pattern)
	expr = strings.ReplaceAll(expr, `\*\*`, `.*`)
	expr = strings.ReplaceAll(expr, `\*`, star)
	re, err := regexp.Compile(`\A(?:` + expr + `)\z`)
	return err == nil && re.MatchString(s)
}

// withoutFlow leaves out what clients add to tell their flows apart.
func withoutFlow(query string) string {
	parts := slices.DeleteFunc(strings.Split(query, "&"), func(part string) bool { return strings.HasPrefix(part, "sb_flow_id=") })
	return strings.Join(parts, "&")
}

// withQuery adds to the query of a URL, withFragment sets its fragment. The URL may be
// the site's, which is as the operator wrote it.
func withQuery(target string, more url.Values) string {
	target, fragment, found := strings.Cut(target, "#")
	switch {
	case !strings.Contains(target, "?"):
		target += "?"
	case !strings.HasSuffix(target, "?") && !strings.HasSuffix(target, "&"):
		target += "&"
	}
	target += more.Encode()
	if found {
		target += "#" + fragment
	}
	return target
}

func withFragment(target string, fragment url.Values) string {
	target, _, _ = strings.Cut(target, "#")
	return target + "#" + fragment.Encode()
}
