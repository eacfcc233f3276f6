package captcha

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

var address = netip.MustParseAddr("192.0.2.7")

func TestAnswersOfTheService(t *testing.T) {
	t.Parallel()
	answers := map[string]struct {
		status     int
		body, want string
	}{
		"good":          {200, `{"success":true,"hostname":"app.test"}`, ""},
		"bad":           {200, `{"success":false,"error-codes":["invalid-input-response"]}`, "invalid-input-response"},
		"bad with 400":  {400, `{"success":false,"error-codes":["timeout-or-duplicate","other"]}`, "timeout-or-duplicate, other"},
		"no secret":     {200, `{"success":false,"error-codes":["invalid-input-secret","invalid-input-response"]}`, "away"},
		"ill":           {200, `{"success":false,"error-codes":["internal-error"]}`, "away"},
		"no reason":     {200, `{"success":false}`, "away"},
		"good with 500": {500, `{"success":true}`, "away"},
		"HTML":          {502, `<p>`, "away"},
		"a text":        {200, `{"success":"true"}`, "away"},
		"nothing":       {204, ``, "away"},
		"elsewhere":     {307, ``, "away"},
		"much":          {200, `{"success":true,"x":"` + strings.Repeat("x", 1<<20) + `"}`, "away"},
	}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.PostFormValue("secret") != "ours" || r.PostFormValue("remoteip") != address.String() || r.URL.RawQuery != "" {
			t.Errorf("the service is asked %s %s", r.Method, r.PostForm)
		}
		says := answers[r.PostFormValue("response")]
		w.Header().Set("Location", "https://example.com/")
		w.WriteHeader(says.status)
		_, _ = w.Write([]byte(says.body))
	}))
	t.Cleanup(service.Close)
	c := New(Config{Secret: "ours", URL: service.URL}, true)
	verify := func(c *Client, token string) string {
		err := c.Verify(t.Context(), "turnstile", token, address)
		var refusal Refusal
		switch {
		case errors.As(err, &refusal):
			return string(refusal)
		case errors.Is(err, ErrAway):
			return "away"
		case err != nil:
			return err.Error()
		}
		return ""
	}
	for token, tt := range answers {
		if got := verify(c, token); got != tt.want {
			t.Errorf("%s: got %q, want %q", token, got, tt.want)
		}
	}
	if got := verify(c, strings.Repeat("x", maxToken+1)); got != "invalid-input-response" {
		t.Errorf("an endless token: got %q", got)
	}
	for name, c := range map[string]*Client{
		"without a secret":     New(Config{URL: service.URL}, true),
		"of another name":      {Config{Secret: "ours"}, c.http},
		"in a private network": New(Config{Secret: "ours", URL: service.URL}, false),
		"not there":            New(Config{Secret: "ours", URL: "http://127.0.0.1:1/"}, true),
	} {
		service := map[bool]string{true: "recaptcha", false: "hcaptcha"}[name == "of another name"]
		if err := c.Verify(t.Context(), service, "good", address); !errors.Is(err, ErrAway) {
			t.Errorf("a service %s: got %v", name, err)
		}
	}
}

func TestURLsOfTheService(t *testing.T) {
	t.Parallel()
	for url, good := range map[string]bool{
		"": true, "https://captcha.example.com/siteverify": true, "http://127.0.0.1/": true,
		"captcha.example.com": false, "ftp://example.com/": false, "https:///x": false, "://": false,
	} {
		if err := (&Config{URL: url}).Check(); (err == nil) != good {
			t.Errorf("%q: got %v", url, err)
		}
	}
}
