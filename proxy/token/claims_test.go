package token

import (
	"testing"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

func TestClaimsThatDoNotLetIn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, aud, payload, message string }{
		{"expired", "", `{"role":"editor","exp":1699999969}`, "JWT expired"},
		{"expired long ago", "", `{"role":"editor","exp":-1e300}`, "JWT expired"},
		{"expired by a fraction", "", `{"role":"editor","exp":1699999969.9}`, "JWT expired"},
		{"exp is text", "", `{"role":"editor","exp":"1800000000"}`, "The JWT 'exp' claim must be a number"},
		{"exp is true", "", `{"role":"editor","exp":true}`, "The JWT 'exp' claim must be a number"},
		{"exp is a list", "", `{"role":"editor","exp":[1800000000]}`, "The JWT 'exp' claim must be a number"},
		{"not yet", "", `{"role":"editor","nbf":1700000031}`, "JWT not yet valid"},
		{"not yet by a fraction", "", `{"role":"editor","nbf":1.7000000301e9}`, "JWT not yet valid"},
		{"never", "", `{"role":"editor","nbf":1e999}`, "JWT not yet valid"},
		{"nbf is text", "", `{"role":"editor","nbf":"invalid"}`, "The JWT 'nbf' claim must be a number"},
		{"issued in the future", "", `{"role":"editor","iat":1700000031}`, "JWT issued at future"},
		{"iat is an object", "", `{"role":"editor","iat":{}}`, "The JWT 'iat' claim must be a number"},
		{"of two faults the first", "", `{"iat":"x","nbf":"x","exp":1}`, "JWT expired"},
		{"of two faults the first, again", "", `{"aud":7,"nbf":9999999999}`, "JWT not yet valid"},

		{"another audience", "app", `{"role":"editor","aud":"other"}`, "JWT not in audience"},
		{"empty audience", "app", `{"role":"editor","aud":""}`, "JWT not in audience"},
		{"other audiences", "app", `{"role":"editor","aud":["other","App"]}`, "JWT not in audience"},
		{"aud is a number", "app", `{"role":"editor","aud":7}`, "The JWT 'aud' claim must be a string or an array of strings"},
		{"aud is an object, none wanted", "", `{"role":"editor","aud":{"a":"b"}}`, "The JWT 'aud' claim must be a string or an array of strings"},
		{"aud has an object, none wanted", "", `{"role":"editor","aud":["app",{}]}`, "The JWT 'aud' claim must be a string or an array of strings"},
		{"aud has null", "app", `{"role":"editor","aud":["app",null]}`, "The JWT 'aud' claim must be a string or an array of strings"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, Config{Secret: secret, Aud: tt.aud, AnonRole: "anon"})
			got, err := v.Verify(t.Context(), good(tt.payload))
			wantError(t, got, err, "PGRST303", tt.message, "")
		})
	}
}

func TestClaimsThatLetIn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, aud, payload string }{
		{"exp at the end of the skew", "", `{"role":"editor","exp":1699999970}`},
		{"nbf and iat at the start of the skew", "", `{"role":"editor","nbf":1700000030,"iat":1700000030}`},
		{"exp beyond all time", "", `{"role":"editor","exp":1e999}`},
		{"exp beyond int64", "", `{"role":"editor","exp":99999999999999999999}`},
		{"nbf before all time", "", `{"role":"editor","nbf":-99999999999999999999,"iat":-9223372036854775808}`},
		{"null is absent", "app", `{"role":"editor","exp":null,"nbf":null,"iat":null,"aud":null}`},
		{"audience", "app", `{"role":"editor","aud":"app"}`},
		{"audience, escaped", "app", `{"role":"editor","aud":"\u0061pp"}`},
		{"one of the audiences", "https://app.example", `{"role":"editor","aud":["other","https://app.example"]}`},
		{"no audience", "app", `{"role":"editor","aud":[]}`},
		{"any audience", "", `{"role":"editor","aud":"whatever"}`},
		{"big numbers keep their digits", "", `{"role":"editor","id":9007199254740993,"x":1.10,"y":1E+2}`},
		{"spaces stay", "", "{ \"role\" :\t\"editor\" ,\n\"a\" : [ 1 , { } , [ ] ] }"},
		{"braces and quotes in text", "", `{"a":"}{][,:\\\"","role":"editor","😀":"\ud83d\ude00"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := newVerifier(t, Config{Secret: secret, Aud: tt.aud}).Verify(t.Context(), good(tt.payload))
			wantCaller(t, got, err, "editor", tt.payload)
		})
	}
}

func TestRoleOfAToken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, path, payload, role, claims string }{
		{"in role", "", `{"role":"editor"}`, "editor", `{"role":"editor"}`},
		{"escaped", "", `{"role":"edi\u0074or"}`, "editor", `{"role":"edi\u0074or"}`},
		{"missing", "", `{"sub":"7"}`, "anon", `{"role":"anon","sub":"7"}`},
		{"no claims", "", `{}`, "anon", `{"role":"anon"}`},
		{"no claims, spaces", "", " { }\n", "anon", `{"role":"anon" }`},
		{"elsewhere", "$.app.role", `{"app":{"role":"editor"}}`, "editor", `{"role":"editor","app":{"role":"editor"}}`},
		{"elsewhere, and another in role", "$.app.role", `{"role":"admin","app":{"role":"editor"},"n":1.0}`, "editor", `{"role":"editor","app":{"role":"editor"},"n":1.0}`},
		{"missing there, another in role", "$.app.role", `{"n":1.0,"role" : "admin"}`, "anon", `{"n":1.0,"role" : "anon"}`},
		{"needs quotes", "$.r", `{"r":"a\"b\\c<d>\u00e9"}`, `a"b\c<d>é`, `{"role":"a\"b\\c<d>é","r":"a\"b\\c<d>\u00e9"}`},
		{"number", "", `{"role":7}`, "7", `{"role":"7"}`},
		{"true", "", `{"role":true,"a":1}`, "true", `{"role":"true","a":1}`},
		{"null", "", `{"role":null}`, "null", `{"role":"null"}`},
		{"array", "", `{"a":1,"role":["editor"]}`, `["editor"]`, `{"a":1,"role":"[\"editor\"]"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := newVerifier(t, Config{Secret: secret, RoleClaim: tt.path, AnonRole: "anon"}).Verify(t.Context(), good(tt.payload))
			wantCaller(t, got, err, tt.role, tt.claims)
		})
	}
}

// set_config('role', 'none') is "reset role": the caller would be the login role.
func TestTokenCannotStayTheLoginRole(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, Config{Secret: secret, AnonRole: "anon"})
	for payload, message := range map[string]string{
		`{"role":""}`:                         `role "" does not exist`,
		`{"role":"none"}`:                     `role "none" does not exist`,
		`{"role":"\u006e\u006f\u006e\u0065"}`: `role "none" does not exist`,
	} {
		got, err := v.Verify(t.Context(), good(payload))
		wantError(t, got, err, "22023", message, "")
	}
}

func TestTokenWithoutRoleWhenAnonymousIsDisabled(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, Config{Secret: secret})
	got, err := v.Verify(t.Context(), good(`{"sub":"7"}`))
	wantError(t, got, err, "PGRST302", "Anonymous access is disabled", "")
	got, err = v.Anonymous()
	wantError(t, got, err, "PGRST302", "Anonymous access is disabled", "")
	got, err = v.Verify(t.Context(), good(`{"role":"editor"}`))
	wantCaller(t, got, err, "editor", `{"role":"editor"}`)
}

func TestAnonymousClaimsAreJSON(t *testing.T) {
	t.Parallel()
	got, err := newVerifier(t, Config{AnonRole: `we"b`}).Anonymous()
	wantCaller(t, got, err, `we"b`, `{"role":"we\"b"}`)
	if got == (pg.Caller{}) {
		t.Error("the anonymous caller is empty, which is the login role")
	}
}
