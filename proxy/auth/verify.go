package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// verify answers POST /verify: a code or a link that a client shows, with a session.
func verify(h *Handler, c *call) error {
	var in struct {
		Type  string `json:"type"`
		Email string `json:"email"`
		Phone string `json:"phone"`
		Token string `json:"token"`
		Hash  string `json:"token_hash"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	shown := shown{kind: in.Type}
	switch {
	case in.Type == "":
		return refuse("validation_failed", "Verify requires a verification type")
	case in.Hash != "" && (in.Email != "" || in.Phone != "" || in.Token != ""):
		return refuse("validation_failed", "Only the token_hash and type should be provided")
	case in.Hash != "":
		shown.token = in.Hash
	case in.Token == "":
		return refuse("validation_failed", "Verify requires a token or a token hash")
	default:
		email, phone, err := address(in.Email, in.Phone)
		if err != nil {
			return err
		}
		what := in.Type
		if what != codeOfEmailChange && what != codeOfPhone && what != codeOfPhoneChange {
			what = codeOfEmail
		}
		shown.address, shown.codes = email+phone, h.codeSums(what, email+phone, in.Token)
		// Beside the tries that each code has: who has new ones sent would get more.
		if _, err := h.ask(c, pg.ReadWrite, `select auth.begin_attempt($1::text, $2::inet, 'code')::text`, text(shown.address), c.address()); err != nil {
			return err
		}
	}
	doc, done, err := h.take(c, shown)
	switch {
	case err != nil:
		return err
	case done.Half:
		return c.answer(http.StatusOK, encode(map[string]string{"code": "200", "msg": halfway}))
	}
	return h.signIn(c, doc)
}

// halfway is what is said when one of two addresses has agreed to a change.
const halfway = "Confirmation link accepted. Please proceed to confirm link sent to the other email"

// shown is a link, or a code and where it was sent.
type shown struct {
	kind, token, address string
	codes                []string
	// code is what to give to a PKCE flow in place of a session.
	code string
}

// taken is what came of it beside a session.
type taken struct {
	Half    bool   `json:"half"`
	Flow    string `json:"flow"`
	Purpose string `json:"purpose"`
}

func (h *Handler) take(c *call, s shown) (doc []byte, t taken, err error) {
	var hash, code []byte
	if s.token != "" {
		hash = []byte(hashOfLink(s.token))
	}
	if s.code != "" {
		code = hashOfCode(s.code)
	}
	doc, err = h.ask(c, pg.ReadWrite, `select auth.verify($1::text, $2::text, $3::text, $4::bytea[], $5::bytea, $6::text, $7::inet)::text`,
		text(s.kind), hash, text(s.address), byteas(s.codes), code, c.agent(), c.address())
	if err == nil {
		err = json.Unmarshal(doc, &t)
	}
	return doc, t, err
}

// openLink answers GET /verify, the link of a mail. A browser that a person sends there is
// sent on, with a session or a code. Programs open links too, to look for malware or to
// show a preview; for what is not plainly a browser there is a page with a button, which
// uses up nothing.
func openLink(h *Handler, c *call) error {
	to, err := h.redirects(c)
	if err != nil {
		return err
	}
	q := c.r.URL.Query()
	if to.Page || !isNavigation(c.r.Header) {
		return page(c, q, to)
	}
	return h.follow(c, q, to)
}

// followForm answers POST /verify/open, the button of the page.
func followForm(h *Handler, c *call) error {
	if err := c.r.ParseForm(); err != nil {
		return refuse("validation_failed", "the form is not well formed").Because(err)
	}
	to, err := h.redirects(c)
	if err != nil {
		return err
	}
	return h.follow(c, c.r.PostForm, to)
}

// isNavigation tells a browser's way to a page that somebody wants to see (Fetch Metadata
// Request Headers, W3C) from fetches, frames, prefetches and programs without these headers.
func isNavigation(header http.Header) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		if header.Get(name) != "" {
			return false
		}
	}
	return header.Get("Sec-Fetch-Mode") == "navigate" && header.Get("Sec-Fetch-Dest") == "document"
}

// follow uses up a link and sends the browser on: always 303, so that what comes next is a
// GET without what was sent here.
func (h *Handler) follow(c *call, q url.Values, to *redirects) error {
	target, token := to.target(q.Get("redirect_to")), q.Get("token")
	isPKCE := strings.HasPrefix(token, pkcePrefix)
	s := shown{kind: q.Get("type"), token: token}
	if isPKCE {
		// The same each time, so that a link that is opened twice gives one code.
		s.code = h.derivedUUID("auth code", token)
	}
	var doc []byte
	var done taken
	err := error(refuse("validation_failed", "Verify requires a token and a type"))
	if token != "" && s.kind != "" {
		doc, done, err = h.take(c, s)
	}
	switch {
	case err != nil:
		e := web.AsError(err)
		if e.Status >= 500 {
			return err // nothing is used up: it can be opened again
		}
		about := url.Values{"error": {"access_denied"}, "error_code": {e.Code}, "error_description": {e.Message}}
		c.w.Err = err
		return c.redirect(target, isPKCE, about)
	case done.Half:
		return c.redirect(target, isPKCE, url.Values{"message": {halfway}})
	case isPKCE && done.Flow != "":
		return c.seeOther(withQuery(target, url.Values{"code": {s.code}}))
	}
	in, err := h.session(c, doc)
	if err != nil {
		return err
	}
	return c.redirect(target, false, url.Values{
		"access_token": {in.AccessToken}, "refresh_token": {in.RefreshToken}, "token_type": {in.TokenType}, "type": {s.kind},
		"expires_in": {strconv.FormatInt(in.ExpiresIn, 10)}, "expires_at": {strconv.FormatInt(in.ExpiresAt, 10)},
	})
}

// redirect sends a browser on with something to say in the fragment, of which no server
// hears, and for clients of PKCE flows in the query, too.
func (c *call) redirect(target string, inQuery bool, say url.Values) error {
	if inQuery {
		target = withQuery(target, say)
	}
	say.Set("sb", "") // by which clients tell it from a fragment of the application's own
	return c.seeOther(withFragment(target, say))
}

func (c *call) seeOther(to string) error {
	h := c.w.Header()
	h.Set("Location", to)
	h.Set("Referrer-Policy", "no-referrer")
	c.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// lookAtLink answers HEAD /verify, which uses up nothing.
func lookAtLink(_ *Handler, c *call) error {
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// headings say what the button does, by the type of the link.
var headings = map[string]string{
	"signup": "Confirm your address", "invite": "Accept the invitation", "magiclink": "Sign in", "email": "Sign in",
	"recovery": "Set a new password", "email_change": "Confirm the change of your address",
}

const pageStyle = `body{font:1.125rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1.5rem;color-scheme:light dark}` +
	`button{font:inherit;padding:.75rem 1.5rem;cursor:pointer}`

var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{.Heading}}</title>
<style>` + pageStyle + `</style>
</head>
<body>
<main>
<h1>{{.Heading}}</h1>
<p>Press the button to go on.</p>
<form method="post" action="verify/open">
<input type="hidden" name="token" value="{{.Token}}">
<input type="hidden" name="type" value="{{.Type}}">
<input type="hidden" name="redirect_to" value="{{.Target}}">
<button type="submit">Continue</button>
</form>
</main>
</body>
</html>
`))

// page shows a button that posts what the link holds. It needs no script, and loads
// nothing.
func page(c *call, q url.Values, to *redirects) error {
	target := to.target(q.Get("redirect_to"))
	heading := headings[q.Get("type")]
	if heading == "" {
		heading = "Continue"
	}
	style := sha256.Sum256([]byte(pageStyle))
	// Browsers apply form-action also to where the answer sends them.
	scheme, _, _ := strings.Cut(target, ":")
	h := c.w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(style[:])+"'; form-action 'self' https: "+scheme+":; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Content-Type", "text/html; charset=utf-8")
	c.w.WriteHeader(http.StatusOK)
	// A client that is gone wants no other answer.
	_ = pageTemplate.Execute(c.w, map[string]string{"Heading": heading, "Token": q.Get("token"), "Type": q.Get("type"), "Target": target})
	return nil
}
