package mail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/fluxbase/fluxbase/proxy/web"
)

const aText = `{"type":"string"}`

var ofLanguage = []web.Parameter{{Name: "language", In: "query", About: "The language of the reader, de or pt-br; without it the template for all."}}

// Operations are the routes by which operators look after templates.
func (s *Sender) Operations() []web.OperatorRoute {
	return []web.OperatorRoute{
		{
			Method: http.MethodGet, Path: "/mail-templates", ID: "mail_templates", Status: http.StatusOK,
			About: "All templates of mails\nThe built-in ones, and what was set in their place.", Answer: s.listTemplates,
		}, {
			Method: http.MethodPut, Path: "/mail-templates/*", ID: "set_mail_template", Status: http.StatusOK,
			About: "Set a template\nIt is tried first; one that does not work is refused. Without subject and html the built-in one holds again.",
			Takes: `"subject":` + aText + `,"html":` + aText + `,"text":` + aText + `,"language":` + aText, Answer: s.setTemplate,
		}, {
			Method: http.MethodGet, Path: "/mail-templates/*/preview", ID: "preview_mail_template", Status: http.StatusOK, Parameters: ofLanguage,
			About: "Preview a template\nWhat a mail of this kind says, with made-up values.", Answer: s.previewTemplate,
		}, {
			Method: http.MethodPost, Path: "/mail-templates/*/test", ID: "test_mail_template", Status: http.StatusOK,
			About: "Send a test mail\nThe preview, to an address; the answer tells what the mail server said.",
			Takes: `"to":` + aText + `,"language":` + aText, Codes: []string{"mail_not_configured"}, Answer: s.testTemplate,
		},
	}
}

func wrong(message string) *web.Error { return web.New("invalid_request", message) }

// kindOf is the kind that a path names.
func kindOf(op *web.Operator) (kind, error) {
	of, known := kinds[op.Name]
	if !known {
		e := wrong("there is no such kind of mails")
		e.Hint = "GET /api/v1/admin/mail-templates lists them"
		return of, e
	}
	return of, nil
}

func (s *Sender) listTemplates(op *web.Operator) ([]byte, error) {
	set, err := op.Ask(`select auth.list_mail_templates()::text`)
	if err != nil {
		return nil, err
	}
	type entry struct {
		Kind    string          `json:"kind"`
		BuiltIn Template        `json:"built_in"`
		Set     json.RawMessage `json:"set"`
	}
	var byKind map[string]json.RawMessage
	if err := json.Unmarshal(set, &byKind); err != nil {
		return nil, err
	}
	list := make([]entry, len(Kinds))
	for i, name := range Kinds {
		list[i] = entry{name, kinds[name].builtIn, byKind[name]}
		if list[i].Set == nil {
			list[i].Set = json.RawMessage(`[]`)
		}
	}
	return plain(list)
}

func (s *Sender) setTemplate(op *web.Operator) ([]byte, error) {
	of, err := kindOf(op)
	if err != nil {
		return nil, err
	}
	var in struct {
		Subject  *string `json:"subject"`
		HTML     *string `json:"html"`
		Text     *string `json:"text"`
		Language string  `json:"language"`
	}
	if err := op.Read(&in); err != nil {
		return nil, err
	}
	if (in.Subject == nil) != (in.HTML == nil) {
		return nil, wrong("a template has a subject and html")
	}
	var out rendered
	if in.Subject != nil {
		t := Template{Subject: *in.Subject, HTML: *in.HTML}
		if in.Text != nil {
			t.Text = *in.Text
		}
		if out, err = render(t, of.builtIn, s.sample(op.Name)); err != nil {
			return nil, wrong("the template does not work: " + err.Error())
		}
	}
	_, err = op.Ask(`select auth.set_mail_template($1, $2, $3, $4, $5)::text`, []byte(op.Name), optional(in.Subject), optional(in.HTML), optional(in.Text), []byte(in.Language))
	if err != nil {
		return nil, err
	}
	return plain(out)
}

func optional(text *string) []byte {
	if text == nil {
		return nil
	}
	return []byte(*text)
}

// Preview is what a mail says with made-up values. Where the template that was set does not
// work, Error tells why, and the rest is what is sent in its place.
type Preview struct {
	rendered
	BuiltIn bool   `json:"built_in"`
	Error   string `json:"error,omitempty"`
}

func (s *Sender) preview(op *web.Operator, language string) (p Preview, err error) {
	of, err := kindOf(op)
	if err != nil {
		return p, err
	}
	text, err := op.Ask(`select auth.mail_template($1, $2)::text`, []byte(op.Name), []byte(language))
	if err != nil {
		return p, err
	}
	if text != nil {
		var t Template
		if err := json.Unmarshal(text, &t); err != nil {
			return p, err
		}
		if p.rendered, err = render(t, of.builtIn, s.sample(op.Name)); err == nil {
			return p, nil
		}
		p.Error = err.Error()
	}
	p.BuiltIn = true
	p.rendered, err = render(of.builtIn, of.builtIn, s.sample(op.Name))
	return p, err
}

func (s *Sender) previewTemplate(op *web.Operator) ([]byte, error) {
	p, err := s.preview(op, op.Request.URL.Query().Get("language"))
	if err != nil {
		return nil, err
	}
	return plain(p)
}

// sample are values for a preview.
func (s *Sender) sample(name string) map[string]any {
	m := row{Kind: name, To: "ada@example.com", User: json.RawMessage(`{"email":"ada@example.com","phone":"4912345678","user_metadata":{"name":"Ada"}}`), Data: map[string]any{
		"redirect_to": s.deps.URL, "new_email": "ada@example.org", "old_email": "ada@example.net", "old_phone": "4987654321",
		"provider": "github", "factor_type": "totp",
	}}
	vars, _, _ := s.variables(&m, "") // only what is sealed can be unreadable
	vars["Token"], vars["TokenHash"] = "123456", "made-up"
	if of := kinds[name]; of.verifies {
		vars["ConfirmationURL"] = s.verifyURL(of.action, "made-up", s.deps.URL)
	}
	return vars
}

// testTimeout is for a test mail, which waits for the mail server.
const testTimeout = 25 * time.Second

func (s *Sender) testTemplate(op *web.Operator) ([]byte, error) {
	var in struct {
		To       string `json:"to"`
		Language string `json:"language"`
	}
	if err := op.Read(&in); err != nil {
		return nil, err
	}
	if _, err := parseAddress(in.To); err != nil {
		return nil, wrong("to: " + err.Error())
	}
	p, err := s.preview(op, in.Language)
	if err != nil {
		return nil, err
	}
	if !s.sends() {
		return nil, web.New("mail_not_configured", errNoServer.Error())
	}
	id, _ := op.Ask(`select gen_random_uuid()::text`)
	l := letter{id: string(id), to: in.To, date: time.Now(), rendered: p.rendered}
	ctx, cancel := context.WithTimeout(op.Request.Context(), testTimeout)
	defer cancel()
	if s.server == nil {
		s.deps.Print(l.to, l.Subject, l.Text)
		return plain(map[string]any{"sent": true})
	}
	// A connection of its own: the other is of the sender's goroutine.
	once, err := newServer(s.server.cfg, s.server.roots)
	if err != nil {
		return nil, err
	}
	defer once.rest()
	if err := once.send(ctx, l); err != nil {
		var why failure
		if !errors.As(err, &why) {
			return nil, err
		}
		return plain(map[string]any{"sent": false, "error": why.reason})
	}
	return plain(map[string]any{"sent": true})
}

// plain is JSON in which HTML stays readable.
func plain(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}
