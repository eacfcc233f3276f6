package web

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
)

func TestWhoPrefersProblems(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"":                         false,
		"*/*":                      false,
		"application/json":         false,
		"text/csv":                 false, // no error has that
		"application/*":            false,
		"application/problem+json": true,
		"Application/Problem+JSON; charset=utf-8":                          true,
		"application/json, application/problem+json":                       false,
		"application/problem+json, application/json":                       true,
		"application/problem+json, */*":                                    true,
		"*/*, application/problem+json":                                    false,
		"text/csv, application/problem+json":                               true,
		"application/vnd.pgrst.object+json, application/problem+json":      true,
		"application/problem+json;q=0.5, application/json":                 false,
		"application/json;q=0.5, application/problem+json;q=0.6":           true,
		"application/json;q=0.5, application/problem+json;q=0.5":           false,
		"application/problem+json;q=0":                                     false,
		"application/json;q=0, application/problem+json;q=0.1":             true,
		"application/json;q=0.2, */*, application/problem+json;q=0.3":      true, // what is said of JSON itself counts
		"*/*;q=0.1, application/*;q=0.9, application/problem+json;q=0.8":   false,
		"application/problem+json;q=x, application/json;q=2":               false, // what is no weight is 0
		"application/problem+json;q=NaN,application/json;q=-1;v=1":         false,
		`application/problem+json ; profile="a" ; Q=0.4, application/json`: false,
	} {
		if got := prefersProblem([]string{accept}); got != want {
			t.Errorf("%q: got %v", accept, got)
		}
	}
	if !prefersProblem([]string{"application/problem+json", "application/json"}) {
		t.Error("two headers are not read as one")
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		e           *Error
		kind, title string
	}{
		{New("not_found", "there is nothing"), "urn:fluxbase:error:not_found", "no route has this path"},
		{SQLState("22P02", "no number"), "urn:fluxbase:error:22P02", "Bad Request"},
		{SQLState("23505", "twice"), "urn:fluxbase:error:23505", "unique violation"},
		{&Error{Status: 402, Code: "a/b \"ü\xff", Message: "raised"}, "urn:fluxbase:error:a%2Fb%20%22%C3%BC%EF%BF%BD", "Payment Required"},
		{&Error{Status: 400, Code: "x", Message: "m", Details: func() {}}, "urn:fluxbase:error:x", "Bad Request"},
	} {
		for _, dialect := range []Dialect{Plain, Strict, Minimal} {
			rec := httptest.NewRecorder()
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Accept", "application/problem+json")
			WriteError(&Response{ResponseWriter: rec, ID: "the-id", Dialect: dialect}, r, tt.e)
			if dialect != Plain {
				if got := rec.Header().Get("Content-Type"); got != "application/json; charset=utf-8" {
					t.Errorf("%s in dialect %d: %s", tt.e.Code, dialect, got)
				}
				continue
			}
			var got map[string]any
			if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if rec.Header().Get("Content-Type") != problemType || got["type"] != tt.kind || got["title"] != tt.title || len(got) != 9 ||
				got["status"] != float64(tt.e.Status) || got["detail"] != tt.e.Message || got["instance"] != "urn:fluxbase:request:the-id" ||
				got["code"] != clean(tt.e.Code) || got["request_id"] != "the-id" {
				t.Errorf("%s: got %s", tt.e.Code, rec.Body)
			}
		}
	}
}

// Each code is once in the table and has advice that is explained.
func TestTableOfCodes(t *testing.T) {
	t.Parallel()
	explained := map[Advice]bool{}
	for _, a := range Advices {
		explained[a.Advice] = true
	}
	seen := map[string]bool{}
	for _, c := range Codes {
		if seen[c.Code] || c.Status < 300 || c.Status > 599 || c.Meaning == "" || !explained[AdviceFor(c.Code, c.Status)] {
			t.Errorf("row %+v", c)
		}
		seen[c.Code] = true
	}
	for _, tt := range []struct {
		code   string
		status int
		want   Advice
	}{
		{"PGRST301", 401, SignIn},
		{"PGRST000", 503, Retry},
		{"request_timeout", 504, Retry},
		{"guard_timeout", 504, Mend},
		{"guard_filter", 403, Mend},
		{"42501", 403, Ask},
		{"42501", 401, SignIn},
		{"23505", 409, Mend},
		{"precondition_failed", 412, Reread},
		{"40001", 500, Retry},
		{"57014", 500, Mend},
		{"57P01", 503, Retry},
		{"55P03", 500, Retry},
		{"XX000", 500, Ask},
		{"22P02", 400, Mend},
	} {
		if got := AdviceFor(tt.code, tt.status); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.code, got, tt.want)
		}
	}
}
