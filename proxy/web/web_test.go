package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestSQLStates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code, message string
		anonymous     bool
		want          int
	}{
		{"08006", "", false, 503},
		{"23503", "", false, 409},
		{"23505", "", false, 409},
		{"23502", "", false, 400},
		{"22P02", "", false, 400},
		{"25006", "", false, 405},
		{"25001", "", false, 500},
		{"28000", "", false, 403},
		{"42501", "", false, 403},
		{"42501", "", true, 401},
		{"42P01", "", false, 404},
		{"42703", "", false, 400},
		{"42883", "function f() does not exist", false, 404},
		{"42883", "function xmlagg(json) does not exist", false, 406},
		{"42P17", "", false, 500},
		{"21000", "more than one row", false, 500},
		{"21000", "UPDATE requires a WHERE clause", false, 400},
		{"22023", `role "nobody" does not exist`, false, 401},
		{"22023", "invalid value", false, 400},
		{"53300", "", false, 503},
		{"53400", "", false, 500},
		{"57014", "", false, 500},
		{"57P01", "", false, 503},
		{"57P03", "", false, 503},
		{"P0001", "", false, 400},
		{"P0002", "", false, 500},
		{"XX000", "", false, 500},
		{"PT402", "", false, 402},
		{"PT999", "", false, 500},
		{"PTabc", "", false, 500},
		{"", "", false, 400},
	} {
		e := FromPostgres(fmt.Errorf("run: %w", &pgconn.PgError{Code: tt.code, Message: tt.message}), tt.anonymous)
		if e.Status != tt.want || e.Code != tt.code {
			t.Errorf("%s %q (anonymous %v): got %d %s, want %d", tt.code, tt.message, tt.anonymous, e.Status, e.Code, tt.want)
		}
		if got := e.Header.Get("WWW-Authenticate"); (got == "Bearer") != (tt.want == 401) {
			t.Errorf("%s: WWW-Authenticate %q with %d", tt.code, got, tt.want)
		}
		if got := e.Header.Get("Retry-After"); (got != "") != (tt.want == 503) {
			t.Errorf("%s: Retry-After %q with %d", tt.code, got, tt.want)
		}
	}
}

func TestRaisePGRSTSetsTheWholeAnswer(t *testing.T) {
	t.Parallel()
	raise := func(message, detail string) *Error {
		return FromPostgres(&pgconn.PgError{Code: "PGRST", Message: message, Detail: detail}, false)
	}
	e := raise(`{"code":"123","message":"ABC","details":"DEF","hint":"XYZ"}`, `{"status":332,"headers":{"X-Header":"str"}}`)
	if e.Status != 332 || e.Code != "123" || e.Message != "ABC" || e.Details != "DEF" || e.Hint != "XYZ" || e.Header.Get("X-Header") != "str" {
		t.Errorf("got %+v", e)
	}
	for _, bad := range [][2]string{
		{"INVALID", `{"status":332,"headers":{}}`},
		{`{"code":"1"}`, `{"status":332,"headers":{}}`},
		{`{"code":"1","message":"m"}`, ""},
		{`{"code":"1","message":"m"}`, "INVALID"},
		{`{"code":"1","message":"m"}`, `{"status":332}`},
		{`{"code":"1","message":"m"}`, `{"status":99999,"headers":{}}`},
	} {
		if e := raise(bad[0], bad[1]); e.Status != 500 || e.Code != "PGRST121" || e.Details == nil || e.Hint == "" {
			t.Errorf("%q: got %+v", bad, e)
		}
	}
}

func TestUnknownErrorsSayNothingOfTheInside(t *testing.T) {
	t.Parallel()
	secret := errors.New("dial tcp 10.0.0.7:5432: password hunter2")
	for _, e := range []*Error{AsError(secret), FromPostgres(secret, false)} {
		if e.Status != 500 || strings.Contains(e.Message, "hunter2") || !errors.Is(e, secret) {
			t.Errorf("got %+v", e)
		}
	}
}

func TestErrorsAreNotShared(t *testing.T) {
	t.Parallel()
	if a, b := Internal.Because(errors.New("a")), Internal.Because(errors.New("b")); a == b || Internal.Err != nil || a.Err == b.Err {
		t.Error("Because changed the error that all share")
	}
}

func FuzzWriteError(f *testing.F) {
	f.Add("42501", "permission denied", "Key (id)=(1)", "a hint")
	f.Add("", "\xff\x00<script>", "\x80", "\u2028")
	f.Fuzz(func(t *testing.T, code, message, details, hint string) {
		rec := httptest.NewRecorder()
		w := &Response{ResponseWriter: rec, ID: "id"}
		WriteError(w, httptest.NewRequest("GET", "/", nil), &Error{Status: 400, Code: code, Message: message, Details: details, Hint: hint})
		var got map[string]any
		if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || !utf8.Valid(rec.Body.Bytes()) {
			t.Fatalf("not JSON: %v %q", err, rec.Body)
		}
		if utf8.ValidString(message) && (got["message"] != message || got["error"] != message) {
			t.Errorf("message %q became %q", message, got["message"])
		}
	})
}
