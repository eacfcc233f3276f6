package functions

import (
	"net/http"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
)

var (
	errNoHeader  = web.New("unauthorized", "Error: Missing authorization header")
	errNotBearer = web.New("unauthorized", "Error: Auth header is not 'Bearer {token}'")
)

// admit tells who calls, and refuses whom the function does not take. A preflight has no
// token, and is the function's to answer.
func (h *Handler) admit(w *web.Response, r *http.Request, d *Definition) (pg.Caller, error) {
	if h.Tokens == nil || r.Method == http.MethodOptions {
		return pg.Caller{Role: "anon"}, nil
	}
	caller, err := h.Tokens.Caller(r.Context(), r.Header, token.From{Module: "functions", Address: w.Address})
	switch {
	case d.VerifyJWT:
		if err = refusal(r.Header, err); err == nil && r.Method != http.MethodGet && r.Method != http.MethodHead {
			err = token.CheckWrite(caller.Scope)
		}
		if err != nil {
			return pg.Caller{}, err
		}
	case err != nil:
		// Whatever the header says is between the function and its caller.
		caller = pg.Caller{Role: "anon"}
	}
	w.Role, w.User = caller.Role, caller.Subject
	if h.Limit != nil {
		if err := h.Limit(w, r, caller); err != nil {
			return pg.Caller{}, err
		}
	}
	return caller, nil
}

// refusal says it in the words that Supabase's clients know; err is what is wrong with the
// token or key of a request with these headers.
func refusal(headers http.Header, err error) error {
	authorization, apikey := headers.Get("Authorization"), headers.Get("Apikey")
	scheme, _, _ := strings.Cut(authorization, " ")
	switch {
	case headers.Get("X-Service-Key") != "", strings.HasPrefix(apikey, "sb_"), strings.Contains(apikey, "."):
	case authorization == "":
		return errNoHeader
	case !strings.EqualFold(scheme, "Bearer"):
		return errNotBearer
	}
	if err == nil {
		return nil
	}
	e := *web.AsError(err)
	if e.Status == http.StatusUnauthorized {
		e.Message = "Invalid JWT"
	}
	return &e
}

// nameOf is a caller as the audit log has it.
func nameOf(c pg.Caller) string {
	switch {
	case c.Key != "":
		return "key:" + c.Key
	case c.Subject != "":
		return "user:" + c.Subject
	}
	return "role:" + c.Role
}
