package admin

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// Endpoints describes the routes, with those of other capabilities, for /openapi.json.
func Endpoints(more ...web.OperatorRoute) []web.Endpoint {
	all := with(more)
	list := make([]web.Endpoint, len(all))
	for i, rt := range all {
		list[i] = web.Endpoint{
			Method: rt.method, Path: Prefix + strings.ReplaceAll(rt.path, "*", "{id}"), ID: "admin." + rt.about.id, Tag: "admin",
			About:   rt.about.text,
			Answers: []web.Answer{{Status: rt.about.status, About: "Done.", Type: "application/json", Schema: json.RawMessage(`{}`)}},
			Codes:   codes, AnySQLSTATE: true,
		}
		if i >= len(routes) {
			list[i].Parameters = slices.Clone(more[i-len(routes)].Parameters)
			list[i].Codes = slices.Concat(codes, more[i-len(routes)].Codes)
			if strings.Contains(rt.path, "*") {
				list[i].Parameters = append(list[i].Parameters, web.Parameter{Name: "id", In: "path", About: "Its name or id."})
			}
		} else if strings.Contains(rt.path, "*") {
			list[i].Parameters = []web.Parameter{{Name: "id", In: "path", About: "The id of the key."}}
			list[i].Codes = slices.Concat(codes, []string{"key_conflict", "key_not_found"})
		}
		if rt.about.takes != "" {
			list[i].Body = json.RawMessage(`{"application/json":{"schema":{"type":"object","properties":{` + rt.about.takes + `}}}}`)
		}
	}
	return list
}

// about is what is told of a route; takes are the properties of its body.
type about struct {
	id, text string
	status   int
	takes    string
}

const aText, texts = `{"type":"string"}`, `{"type":"array","items":{"type":"string"}}`

var (
	codes = slices.Concat(web.OfTokens, web.OfDatabase, []string{"forbidden", "unauthorized"})
	// ofGrace is how long the old key stays good.
	ofGrace = `"grace":` + aText
	ofIssue = `"name":` + aText + `,"kind":` + aText + `,"role":` + aText + `,"modules":` + texts + `,"schemas":` + texts +
		`,"read_only":{"type":"boolean"},"addresses":` + texts + `,"expires_at":` + aText
	ofLegacy = `"reason":` + aText + `,"issued_before":` + aText + `,"jti":` + aText + `,"token":` + aText
)

var (
	aboutKeys            = about{"keys", "All service keys", http.StatusOK, ""}
	aboutIssue           = about{"issue", "Issue a service key\nIt is shown this once.", http.StatusCreated, ofIssue}
	aboutRevocations     = about{"revocations", "Which keys were ended, when and why", http.StatusOK, ""}
	aboutRevoke          = about{"revoke", "Revoke a key\nWhen this answers it is dead everywhere.", http.StatusOK, `"reason":` + aText}
	aboutDeprecate       = about{"deprecate", "End a key later", http.StatusOK, ofGrace}
	aboutRotate          = about{"rotate", "Replace a key\nThe old one stays good for the grace.", http.StatusCreated, ofGrace}
	aboutLegacy          = about{"revoke_legacy", "Revoke keys that are JWTs of the service role", http.StatusOK, ofLegacy}
	aboutAuthSettings    = about{"auth_settings", "The settings of auth\nWhat each takes, says now and is for.", http.StatusOK, ""}
	aboutSetAuthSettings = about{"set_auth_settings", "Change settings of auth\nAll that are given or none, at once and everywhere; null gives back the default.", http.StatusOK, `"jwt_exp":{"type":"integer"},"disable_signup":{"type":"boolean"}`}
	aboutAudit           = about{"audit", "What happened to keys, newest first\nParameters: before, limit, target, action.", http.StatusOK, ""}
)
