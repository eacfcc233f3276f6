package hook

import (
	"encoding/json"
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// Operations are the routes by which operators look after hooks.
func (h *Hooks) Operations() []web.OperatorRoute {
	return []web.OperatorRoute{
		{
			Method: http.MethodGet, Path: "/hooks", ID: "hooks", Status: http.StatusOK,
			About: "All hooks of auth\nWhat is set, and which secrets sign their calls.",
			Answer: func(op *web.Operator) ([]byte, error) {
				return op.Ask(`select json_agg(h)::text from auth.list_hooks() as h`)
			},
		}, {
			Method: http.MethodPost, Path: "/hooks/*/secrets", ID: "add_hook_secret", Status: http.StatusCreated,
			About: "Add a secret to a hook\nA new one, which is shown this once, or that of the receiver. Calls are signed with all that a hook has.",
			Takes: `"secret":{"type":"string"}`, Answer: h.addSecret,
		}, {
			Method: http.MethodDelete, Path: "/hook-secrets/*", ID: "drop_hook_secret", Status: http.StatusOK,
			About: "Drop a secret of a hook",
			Answer: func(op *web.Operator) ([]byte, error) {
				return op.Ask(`select json_build_object('dropped', auth.drop_hook_secret($1::uuid))::text`, []byte(op.Name))
			},
		},
	}
}

func (h *Hooks) addSecret(op *web.Operator) ([]byte, error) {
	var in struct {
		Secret string `json:"secret"`
	}
	if err := op.Read(&in); err != nil {
		return nil, err
	}
	id, err := op.Ask(`select gen_random_uuid()::text`)
	if err != nil {
		return nil, err
	}
	var text, sealed string
	if in.Secret == "" {
		text, sealed = secrets.New(h.keys, string(id))
	} else if sealed, err = secrets.Seal(h.keys, string(id), in.Secret); err != nil {
		return nil, web.New("invalid_request", err.Error())
	}
	if _, err := op.Ask(`select auth.add_hook_secret($1, $2::uuid, $3)::text`, []byte(op.Name), id, []byte(sealed)); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]string{"id": string(id), "secret": text})
}
