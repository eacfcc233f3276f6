package tests

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// badBodiesOf are the bodies of each route of auth in which one member at a time is what
// nobody expects, by the description of the route.
func badBodiesOf(t *testing.T, s *server) map[string][]badInput {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct {
					Schema struct{ Properties map[string]json.RawMessage }
				}
			}
		}
	}
	a := s.call(t, "GET", "/openapi.json", "", "Authorization: Bearer "+signToken(t, map[string]any{"role": "service_role"}))
	if err := json.Unmarshal([]byte(a.Body), &doc); err != nil {
		t.Fatal(err)
	}
	all := map[string][]badInput{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			route := strings.ToUpper(method) + " " + path
			for name := range op.RequestBody.Content["application/json"].Schema.Properties {
				for _, value := range []string{
					`null`, `""`, `-1`, `1e999`, `[]`, `[null]`, `{"a":null}`, `"\u0000"`, `"a@example.com\r\nBcc: b@example.com"`, `"-infinity"`,
					`"` + strings.Repeat("a", 60<<10) + `"`, strings.Repeat(`[`, 60) + strings.Repeat(`]`, 60),
				} {
					all[route] = append(all[route], badInput{name: "member", body: `{"` + name + `":` + value + `}`})
				}
			}
		}
	}
	return all
}

// Bad input of any kind, to any route of auth, is refused in its shape and tells nothing
// of the inside: from a user, and from who may do everything.
func TestBadInputToEveryRouteOfAuth(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	for _, name := range []string{"phone_enabled", "manual_linking_enabled", "passkeys_enabled"} {
		set(t, db, name, "true")
	}
	s := startAuth(t, db, startSMTP(t).env()...)
	admin := signToken(t, map[string]any{"role": "service_role"})
	documents := documentedCodes(t, s, admin)
	// What ends the session, or the user, comes last.
	var routes, forAdmins, last []string
	for route := range documents {
		_, path, _ := strings.Cut(route, " /auth/v1/")
		switch {
		case route == "POST /auth/v1/logout" || route == "DELETE /auth/v1/admin/users/{id}" || route == "DELETE /auth/v1/admin/users/{id}/sessions":
			last = append(last, route)
		case strings.HasPrefix(path, "admin/") || path == "invite":
			forAdmins = append(forAdmins, route)
		case path != "":
			routes = append(routes, route)
		}
	}
	if len(routes) < 40 || len(forAdmins) < 15 {
		t.Fatalf("only %q, %q", routes, forAdmins)
	}
	more := badBodiesOf(t, s)
	every := 17
	if *soak > 0 {
		every = 2
	}
	ada := s.signUp(t, "ada@example.com")
	for _, w := range []struct {
		token  string
		routes []string
	}{{ada.AccessToken, slices.Concat(routes, forAdmins)}, {admin, forAdmins}, {ada.AccessToken, last}, {admin, last}} {
		slices.Sort(w.routes)
		k := &walk{
			t: t, s: s, dialect: "auth", every: every, user: w.token, id: ada.User.ID, more: more, expired: "x.y.z", forged: "x.y.z",
			documents: documents, seen: map[string]int{},
		}
		k.run(w.routes)
		t.Logf("%d requests, codes %v", len(k.ids), k.seen)
	}
}
