package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/seal"
)

// sqlTimeout is how long a hook that is a function may take.
const sqlTimeout = 2 * time.Second

// Codes of errors, as clients of auth know them. Those that a hook gives itself have none
// but these two.
const (
	CodeUnexpected         = "unexpected_failure" // of 500 and more
	CodeUnknown            = "unknown"            // of 400 to 499
	CodeTimeout            = "hook_timeout"
	CodeTimeoutAfterRetry  = "hook_timeout_after_retry"
	CodeOverSizeLimit      = "hook_payload_over_size_limit"
	CodeInvalidContentType = "hook_payload_invalid_content_type"
)

// Error is why a hook lets nothing pass. Its message is for the client.
type Error struct {
	Status        int
	Code, Message string
	err           error
}

func (e *Error) Error() string {
	if e.err != nil {
		return e.Message + ": " + e.err.Error()
	}
	return e.Message
}

// Unwrap gives what is for the log alone.
func (e *Error) Unwrap() error { return e.err }

// Hooks calls hooks.
type Hooks struct {
	db   *pg.DB
	keys *seal.Keys
	log  *slog.Logger

	private bool
	client  *http.Client
	// timeout is for all tries of a call over HTTP together.
	timeout time.Duration
}

// New makes Hooks. db is a login that may become service_role; private lets hooks be in the
// operator's own network.
func New(db *pg.DB, keys *seal.Keys, private bool, log *slog.Logger) *Hooks {
	return &Hooks{db: db, keys: keys, log: log, private: private, client: newClient(private), timeout: httpTimeout}
}

// Run calls a hook with a payload, a JSON object, on behalf of a client at an address, if
// there is one. It returns what the hook answers, an object; nil where no hook is set. It
// fails with an Error where the hook refuses, or does not answer as it should; and with
// errors of pg.
func (h *Hooks) Run(ctx context.Context, client netip.Addr, name string, payload any) (json.RawMessage, error) {
	text, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("call hook %s: %w", name, err)
	}
	settings := []pg.Setting{{Name: "statement_timeout", Value: strconv.FormatInt(sqlTimeout.Milliseconds(), 10)}}
	if client.IsValid() {
		settings = append(settings, pg.Setting{Name: "request.address", Value: client.String()})
	}
	ran, err := h.db.Value(ctx, &pg.Tx{
		Caller: pg.Caller{Role: "service_role", Claims: `{"role":"service_role"}`}, Settings: settings,
		Main: pg.Statement{SQL: `select auth.run_hook($1, $2)::text`, Args: [][]byte{[]byte(name), text}},
	})
	if err != nil {
		return nil, err
	}
	return h.Finish(ctx, ran)
}

// Finish makes the answer of a hook of what auth.run_hook has returned, within a statement
// of Run or of a flow: if the hook is one over HTTP, it is called now. What it returns is
// as of Run; ran may be nil.
func (h *Hooks) Finish(ctx context.Context, ran []byte) (json.RawMessage, error) {
	if len(ran) == 0 || string(ran) == "null" {
		return nil, nil
	}
	var out struct {
		HTTP  *remote         `json:"http"`
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(ran, &out); err != nil {
		return nil, fmt.Errorf("read the answer of a hook: %w", err)
	}
	answer := append(json.RawMessage(nil), ran...)
	if out.HTTP != nil {
		var err error
		if answer, err = h.call(ctx, out.HTTP); err != nil {
			h.log.ErrorContext(ctx, "a hook failed", "hook", out.HTTP.Name, "error", err)
			return nil, err
		}
		if err := json.Unmarshal(answer, &out); err != nil {
			return nil, &Error{Status: http.StatusInternalServerError, Code: CodeUnexpected, Message: "Error unmarshaling JSON output.", err: err}
		}
	}
	return answer, refusal(out.Error)
}

// refusal is the error that a hook answers with, in its words.
func refusal(text json.RawMessage) error {
	var said struct {
		Status  int    `json:"http_code"`
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	if len(text) == 0 || string(text) == "null" {
		return nil
	}
	if err := json.Unmarshal(text, &said); err != nil || said.Message == "" {
		// It wants to refuse, whatever it says.
		said.Message = "Refused by a hook"
	}
	e := &Error{Status: said.Status, Code: CodeUnknown, Message: said.Message}
	if e.Status < 400 || e.Status > 599 {
		e.Status = http.StatusInternalServerError
	}
	switch {
	case said.Code == CodeTimeout:
		e.Code = CodeTimeout
	case e.Status >= 500:
		e.Code = CodeUnexpected
	}
	return e
}

// required are the claims that a token cannot be without.
var required = []string{"aud", "exp", "iat", "sub", "email", "phone", "role", "aal", "session_id", "is_anonymous"}

// Claims gives the claims of an access token as the hook custom_access_token has made them.
// ran is what auth.run_hook has returned; claims, those without it, are returned where no
// hook is set. A hook may add and change claims, but drop none that was there and is
// required, and say of nobody that they are another: sub and session_id stay.
func (h *Hooks) Claims(ctx context.Context, ran, claims []byte) (json.RawMessage, error) {
	answer, err := h.Finish(ctx, ran)
	if err != nil || answer == nil {
		return claims, err
	}
	var out struct {
		Claims map[string]json.RawMessage `json:"claims"`
	}
	var before map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(answer, &out), json.Unmarshal(claims, &before)); err != nil || out.Claims == nil {
		return nil, wrongClaims("output claims field is missing")
	}
	for _, name := range required {
		old, had := before[name]
		made, has := out.Claims[name]
		if had && (!has || kindOf(made) != kindOf(old) && name != "aud") {
			return nil, wrongClaims("output claims do not conform to the expected schema: " + name)
		}
	}
	for _, name := range []string{"sub", "session_id"} {
		if old, had := before[name]; had && string(old) != string(out.Claims[name]) {
			return nil, wrongClaims("output claims change " + name)
		}
	}
	return json.Marshal(out.Claims)
}

func wrongClaims(message string) error {
	return &Error{Status: http.StatusInternalServerError, Code: CodeUnexpected, Message: message}
}

// kindOf tells JSON's kinds apart by their first letter.
func kindOf(value json.RawMessage) byte {
	switch c := value[0]; {
	case c == '-' || c >= '0' && c <= '9':
		return '0'
	case c == 't' || c == 'f':
		return 't'
	default:
		return c
	}
}
