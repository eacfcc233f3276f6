package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
)

// pageFiles are what pages have in common.
//
//go:embed page
var pageFiles embed.FS

// pageTypes are the media types of files.
var pageTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// pagePolicy lets a page load what is ours and nothing else, run no script that is
// not a file, and stand in no frame (Content Security Policy Level 3).
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Page is a page for people and its files, which hold nothing secret. What is below it is
// found by paths relative to the page, so that it works behind a proxy that adds a prefix.
type Page struct {
	// Path is where it is, without a slash at its end.
	Path string
	// Files has index.html and what else is its own, in Folder.
	Files  embed.FS
	Folder string
}

// Has tells whether an escaped path is of the page.
func (p Page) Has(escaped string) bool {
	return escaped == p.Path || strings.HasPrefix(escaped, p.Path+"/")
}

// Serve answers with the page or one of its files, the shared ones among them.
func (p Page) Serve(w http.ResponseWriter, r *http.Request) error {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	name := strings.TrimPrefix(r.URL.EscapedPath(), p.Path)
	switch name {
	case "":
		name = "/index.html"
	case "/": // from where the page would not find its files
		header.Set("Location", "../"+path.Base(p.Path))
		w.WriteHeader(http.StatusPermanentRedirect)
		return nil
	}
	body, err := p.Files.ReadFile(p.Folder + name)
	if err != nil {
		body, err = pageFiles.ReadFile("page" + name)
	}
	if err != nil {
		return NotFound
	}
	header.Set("Content-Type", pageTypes[path.Ext(name)])
	header.Set("Content-Security-Policy", pagePolicy)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "no-cache") // asked for again, and then not sent if it is the same
	if Unchanged(w, r, body) {
		return nil
	}
	_, _ = w.Write(body) // a client that is gone wants no other answer
	return nil
}

// Unchanged gives an answer its tag, and answers itself, with 304, who has it already
// (RFC 9110, section 13.1.2).
func Unchanged(w http.ResponseWriter, r *http.Request, body []byte) bool {
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	w.Header().Set("Etag", tag)
	if r.Header.Get("If-None-Match") != tag {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}
