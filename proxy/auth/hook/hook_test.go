package hook

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/proxy/webhook"
)

func keysOf(t *testing.T) *seal.Keys {
	t.Helper()
	keys, err := seal.New(seal.Config{EncryptionKey: base64.StdEncoding.EncodeToString(make([]byte, 32))})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

const rowID = "5e0ec0de-0000-4000-8000-000000000001"

// remoteOf serves a hook, and gives Hooks that know it and what auth.run_hook
// returns of it.
func remoteOf(t *testing.T, answer http.HandlerFunc) (*Hooks, remote) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	keys := keysOf(t)
	h := New(nil, keys, true, slog.New(slog.DiscardHandler))
	t.Cleanup(h.client.CloseIdleConnections)
	_, sealed := secrets.New(keys, rowID)
	return h, remote{
		Name: "send_sms", URI: server.URL + "/hook", Payload: json.RawMessage(`{"sms":{"otp":"123456"},"metadata":{"uuid":"u-1"}}`),
		Secrets: []webhook.Secret{{ID: rowID, Sealed: sealed}},
	}
}

func (h *Hooks) finish(t *testing.T, r remote) (string, error) {
	t.Helper()
	ran, err := json.Marshal(map[string]any{"http": r})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := h.Finish(t.Context(), ran)
	return string(answer), err
}

// codes are the status and code of an Error.
func codes(err error) string {
	e := new(Error)
	if !errors.As(err, &e) {
		return "no Error"
	}
	return http.StatusText(e.Status) + " " + e.Code
}

func says(kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if kind != "" {
			w.Header().Set("Content-Type", kind)
		}
		_, _ = io.WriteString(w, body)
	}
}

func signature(key []byte, id string, at time.Time, body []byte) string {
	h := http.Header{}
	webhook.Sign(h, [][]byte{key}, id, at, body)
	return h.Get("Webhook-Signature")
}

func TestHooksOverHTTPAreSigned(t *testing.T) {
	t.Parallel()
	keys := keysOf(t)
	older, sealedOlder := secrets.New(keys, "older")
	newer, sealedNewer := secrets.New(keys, "newer")
	h, r := remoteOf(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id, at := r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp")
		signatures := strings.Split(r.Header.Get("Webhook-Signature"), " ")
		seconds, err := time.ParseDuration(at + "s")
		if err != nil || id != "u-1" || len(signatures) != 2 || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("the header is %v", r.Header)
		}
		for i, text := range []string{newer, older} {
			key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, webhook.Prefix))
			want := signature(key, id, time.Unix(int64(seconds.Seconds()), 0), body)
			if err != nil || len(key) != 32 || signatures[i] != want {
				t.Errorf("signature %d is %s, want %s", i, signatures[i], want)
			}
		}
		says("application/json; charset=utf-8", `{"a": 1}`)(w, r)
	})
	r.Secrets = []webhook.Secret{{ID: "newer", Sealed: sealedNewer}, {ID: "older", Sealed: sealedOlder}}
	if answer, err := h.finish(t, r); err != nil || answer != `{"a": 1}` {
		t.Errorf("got %s, %v", answer, err)
	}
	// The example of the specification.
	key, err := base64.StdEncoding.DecodeString("plJ3nmyCDGBKInavdOK15jsl")
	got := signature(key, "msg_loFOjxBNrRLzqYUf", time.Unix(1731705121, 0), []byte(`{"event_type":"ping","data":{"success":true}}`))
	if want := "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="; err != nil || got != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
	// A secret that the receiver has already.
	sealed, err := secrets.Seal(keys, "s", newer)
	opened, openErr := (&Hooks{keys: keys}).open([]webhook.Secret{{ID: "s", Sealed: sealed}})
	if err != nil || openErr != nil || "v1,whsec_"+base64.StdEncoding.EncodeToString(opened[0]) != newer {
		t.Errorf("got %q (%v, %v), want %s", opened, err, openErr, newer)
	}
	if _, err := secrets.Seal(keys, "s", "v1,whsec_c2hvcnQ="); err == nil {
		t.Error("a short secret is taken")
	}
	// A secret of another row is none.
	r.Secrets = []webhook.Secret{{ID: "older", Sealed: sealedNewer}}
	if _, err := h.finish(t, r); codes(err) != "Internal Server Error unexpected_failure" {
		t.Errorf("got %v", err)
	}
	r.Secrets = nil
	if _, err := h.finish(t, r); codes(err) != "Internal Server Error unexpected_failure" {
		t.Errorf("without a secret it is called: %v", err)
	}
}

func TestAnswersOfHooks(t *testing.T) {
	t.Parallel()
	const json = "application/json"
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   string // the answer, or the error
	}{
		"an object":         {says(json, `{"x":1}`), `{"x":1}`},
		"nothing":           {says(json, ` `), `{}`},
		"204":               {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, `{}`},
		"a refusal":         {says(json, `{"error":{"http_code":403,"message":"not you"}}`), "Forbidden unknown"},
		"one of no code":    {says(json, `{"error":{"message":"not you"}}`), "Internal Server Error unexpected_failure"},
		"one that is odd":   {says(json, `{"error":"no"}`), "Internal Server Error unexpected_failure"},
		"one that succeeds": {says(json, `{"error":{"http_code":200,"message":"x"}}`), "Internal Server Error unexpected_failure"},
		"no refusal":        {says(json, `{"error":null}`), `{"error":null}`},
		"HTML":              {says("text/html", `<p>`), "Bad Request hook_payload_invalid_content_type"},
		"no JSON":           {says(json, `{"x":`), "Internal Server Error unexpected_failure"},
		"a list":            {says(json, `[]`), "Internal Server Error unexpected_failure"},
		"much":              {says(json, `{"x":"`+strings.Repeat("x", maxAnswer)+`"}`), "Unprocessable Entity hook_payload_over_size_limit"},
		"a way to elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusTemporaryRedirect)
		}, "Internal Server Error unexpected_failure"},
		"busy":              {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "Internal Server Error unexpected_failure"},
		"a wrong signature": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, "Internal Server Error unexpected_failure"},
	} {
		h, r := remoteOf(t, tt.answer)
		answer, err := h.finish(t, r)
		if err != nil {
			answer = codes(err)
		}
		if answer != tt.want {
			t.Errorf("%s: got %s (%v), want %s", name, answer, err, tt.want)
		}
	}
	h, r := remoteOf(t, says(json, `{}`))
	r.Payload = []byte(`{"x":"` + strings.Repeat("x", maxRequest) + `"}`)
	if _, err := h.finish(t, r); codes(err) != "Unprocessable Entity hook_payload_over_size_limit" {
		t.Errorf("a long payload: %v", err)
	}
}

func TestHooksThatAreBusyAreTriedAgain(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	h, r := remoteOf(t, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) < 3 {
			w.Header().Set("Retry-After", "true")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		says("application/json", `{"n":3}`)(w, r)
	})
	if answer, err := h.finish(t, r); err != nil || answer != `{"n":3}` {
		t.Errorf("got %s, %v", answer, err)
	}
	calls.Store(-3)
	if _, err := h.finish(t, r); codes(err) != "Internal Server Error unexpected_failure" || calls.Load() != 0 {
		t.Errorf("after %d calls more: %v", calls.Load()+3, err)
	}
	release := make(chan struct{})
	h, r = remoteOf(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	h.timeout = 50 * time.Millisecond
	if _, err := h.finish(t, r); codes(err) != "Unprocessable Entity hook_timeout" {
		t.Errorf("a slow hook: %v", err)
	}
	h, r = remoteOf(t, nil)
	r.URI = "https://127.0.0.1:1/"
	if _, err := h.finish(t, r); codes(err) != "Unprocessable Entity hook_timeout_after_retry" {
		t.Errorf("a hook that is away: %v", err)
	}
	// Who asked has gone.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ran, _ := json.Marshal(map[string]any{"http": r})
	if _, err := h.Finish(ctx, ran); codes(err) != "Unprocessable Entity hook_timeout" {
		t.Errorf("got %v", err)
	}
}

// The address is looked at when it is connected to: whatever the name said before.
func TestHooksCallNobodyInThisNetwork(t *testing.T) {
	t.Parallel()
	h, r := remoteOf(t, func(http.ResponseWriter, *http.Request) { t.Error("it was called") })
	h = New(nil, h.keys, false, h.log)
	port := r.URI[strings.LastIndex(r.URI, ":"):]
	for _, uri := range []string{
		r.URI, "https://localhost" + port, "https://127.1" + port, "https://[::1]" + port, "https://[::ffff:127.0.0.1]" + port, "https://0.0.0.0" + port,
		"http://127.0.0.1" + port, "https://u:p@127.0.0.1" + port, "file:///etc/passwd", "https:///x", "gopher://x", "://", "pg-functions://postgres/a/b",
	} {
		r.URI = uri
		if answer, err := h.finish(t, r); codes(err) != "Internal Server Error unexpected_failure" && codes(err) != "Unprocessable Entity hook_timeout_after_retry" {
			t.Errorf("%s: got %s, %v", uri, answer, err)
		}
	}
}

func TestClaimsOfHooks(t *testing.T) {
	t.Parallel()
	const before = `{"aud":"authenticated","sub":"u","role":"authenticated","aal":"aal1","session_id":"s","email":"","phone":"","is_anonymous":false,"app_metadata":{}}`
	with := func(change string) string {
		var claims map[string]json.RawMessage
		if err := errors.Join(json.Unmarshal([]byte(before), &claims), json.Unmarshal([]byte(change), &claims)); err != nil {
			t.Fatal(err)
		}
		for name, value := range claims {
			if string(value) == `"-"` {
				delete(claims, name)
			}
		}
		text, _ := json.Marshal(map[string]any{"claims": claims})
		return string(text)
	}
	h := New(nil, keysOf(t), false, slog.New(slog.DiscardHandler))
	for ran, good := range map[string]bool{
		``: true, `null`: true, with(`{}`): true, with(`{"plan":"gold","role":"editor","aud":["a"],"app_metadata":"-"}`): true,
		`{}`: false, `{"claims":null}`: false, `{"claims":[]}`: false, with(`{"sub":"v"}`): false, with(`{"session_id":"t"}`): false,
		with(`{"sub":"-"}`): false, with(`{"role":"-"}`): false, with(`{"is_anonymous":"no"}`): false, with(`{"role":null}`): false,
		`{"error":{"http_code":403,"message":"no"}}`: false,
	} {
		got, err := h.Claims(t.Context(), []byte(ran), []byte(before))
		if (err == nil) != good || good && !strings.Contains(string(got), `"session_id"`) {
			t.Errorf("%s: got %s, %v", ran, got, err)
		}
	}
}
