package rest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/fluxbase/fluxbase/proxy/catalog"
)

// digest is the first 16 bytes of SHA-256, in hexadecimal digits.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// checksum is 64 bits of XXH64, in hexadecimal digits: all that a weak ETag needs, which
// only spares a client what it has. SHA-256 of a long list costs as much as sending it.
func checksum(b []byte) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, xxhash.Sum64(b)))
}

// tags tells whether answers at a path get an ETag.
func (c *Config) tags(urlPath string) bool {
	if !c.Extensions || !c.ETags {
		return false
	}
	for _, pattern := range c.ETagsSkip {
		if skip, _ := path.Match(pattern, urlPath); skip { // Check has read the pattern
			return false
		}
	}
	return true
}

// validators are what tells one version of an answer from another.
type validators struct {
	etag     string
	modified time.Time // zero is not known
}

// validatorsOf gives those of an answer with that body. A row read alone has a strong
// ETag that begins with its version; the rest tells the forms apart in which it can
// be sent. All others are weak, because nobody says that rows come in one order.
func validatorsOf(body []byte, pl *plan, res *result) (v validators) {
	var suffix string
	if res.total >= 0 { // Content-Range shows it too
		suffix = "." + strconv.FormatInt(res.total, 10)
	}
	if res.next != nil { // the same rows may have been the last ones
		suffix += ".next"
	}
	version := ""
	if res.page == 1 {
		version, v.modified = res.version, res.modified
		switch {
		case !pl.whole && version != "":
			suffix = "." + digest(body) + suffix
		case !pl.whole:
		case pl.media == mediaSingle:
			version, suffix = digest(body), ".object"+suffix
		default:
			version = digest(body[1 : len(body)-1]) // of the array's one element
		}
	}
	if version == "" {
		v.etag = `W/"` + checksum(body) + suffix + `"`
	} else {
		v.etag = `"` + version + suffix + `"`
	}
	return v
}

// precedence is that of RFC 9110, 13.2.2: the status that the preconditions of a read
// make of a 2xx.
func (v *validators) precedence(h http.Header) (status int) {
	since := func(name string) (time.Time, bool) {
		if v.modified.IsZero() || h[name] == nil {
			return time.Time{}, false
		}
		t, err := http.ParseTime(h.Get(name))
		return t, err == nil
	}
	if list := h["If-Match"]; list != nil {
		if !namesTag(list, v.etag, false) {
			return http.StatusPreconditionFailed
		}
	} else if t, ok := since("If-Unmodified-Since"); ok && v.modified.After(t) {
		return http.StatusPreconditionFailed
	}
	if list := h["If-None-Match"]; list != nil {
		if namesTag(list, v.etag, true) {
			return http.StatusNotModified
		}
	} else if t, ok := since("If-Modified-Since"); ok && !v.modified.After(t) {
		return http.StatusNotModified
	}
	return http.StatusOK
}

// namesTag tells whether a list of entity tags, or *, names tag. Weak tags are the
// same as strong ones if weak is set, and else match nothing (RFC 9110, 8.8.3.2).
func namesTag(list []string, tag string, weak bool) bool {
	opaque, isWeak := strings.CutPrefix(tag, "W/")
	for name, w := range entityTags(list) {
		if name == "*" || name == opaque && (weak || !w && !isWeak) {
			return true
		}
	}
	return false
}

// entityTags gives the tags of a list with their quotes, and whether they are weak.
// It ends at what is none.
func entityTags(list []string) func(func(string, bool) bool) {
	return func(yield func(string, bool) bool) {
		for _, s := range list {
			if strings.TrimSpace(s) == "*" && !yield("*", false) {
				return
			}
			for {
				s = strings.TrimLeft(s, ", \t")
				rest, weak := strings.CutPrefix(s, "W/")
				if rest == "" || rest[0] != '"' {
					break
				}
				end := strings.IndexByte(rest[1:], '"')
				if end < 0 || !yield(rest[:end+2], weak) {
					return
				}
				s = rest[end+2:]
			}
		}
	}
}

// varyByCaller tells caches that an answer is one caller's.
func varyByCaller(head http.Header) {
	head["Vary"] = append(head["Vary"], "Authorization, Apikey, X-Service-Key")
}

// validate gives a read its validators, and makes 304 or 412 of it where its
// preconditions say so.
func (h *Handler) validate(head http.Header, hr *http.Request, pl *plan, res *result, a *answer) error {
	if pl.cacheControl != "" && head["Cache-Control"] == nil {
		head["Cache-Control"] = []string{pl.cacheControl}
	}
	if pl.cacheControl != "" {
		varyByCaller(head)
	}
	if a.status/100 != 2 || !a.content || !pl.hashed || !h.cfg.tags(hr.URL.Path) {
		return nil
	}
	v := validatorsOf(a.body, pl, res)
	if own := head.Get("Etag"); own != "" { // of a function
		v.etag = own
	}
	head["Etag"] = []string{v.etag}
	if !v.modified.IsZero() {
		head["Last-Modified"] = []string{v.modified.Format(http.TimeFormat)}
		if head["Cache-Control"] == nil {
			// Else a browser may guess from it how long the answer holds.
			head["Cache-Control"] = []string{"private, no-cache"}
		}
	}
	switch v.precedence(hr.Header) {
	case http.StatusPreconditionFailed:
		clear := []string{"Content-Range", "Content-Location", "Content-Profile", "Etag", "Last-Modified", "Cache-Control"}
		for _, name := range clear {
			delete(head, name)
		}
		return errPrecondition
	case http.StatusNotModified:
		a.status = http.StatusNotModified
		h.notModified.WithLabelValues("hash").Inc()
		for _, name := range []string{"Content-Type", "Content-Range", "Content-Profile"} {
			delete(head, name)
		}
	}
	return nil
}

// settled is how old a time of change must be to be told: a later change within the
// same second would have the same Last-Modified.
const settled = 2 * time.Second

// modifiedAt reads seconds since 1970; zero if there are none, or too new ones.
func modifiedAt(epoch string) time.Time {
	n, err := strconv.ParseInt(epoch, 10, 64)
	t := time.Unix(n, 0).UTC()
	if err != nil || n <= 0 || t.Year() > 9999 || time.Since(t) < settled {
		return time.Time{}
	}
	return t
}

// lastModified is the column that says when a row was changed, if the comment on rel
// names one that can.
func lastModified(rel *catalog.Relation) string {
	if c := rel.Column(rel.LastModified); c != nil && strings.HasPrefix(c.Base, "timestamp") {
		return c.Name
	}
	return ""
}
