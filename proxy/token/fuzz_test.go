package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// No input panics; nothing is accepted that the secret did not sign, byte for
// byte; and the role in the claims is always the role in use.
func FuzzVerify(f *testing.F) {
	for _, seed := range []string{
		good(`{"role":"editor"}`), good(`{"role":"editor","exp":1}`), good(`{"a":{"role":7}}`), good(`{}`), good(`[]`),
		b64(`{"alg":"none"}`) + "." + b64(`{"role":"editor"}`) + ".", sign(secret, `{"alg":"HS256","crit":["x"]}`, `{}`), "a.b.c", "..",
	} {
		f.Add(seed, false)
	}
	for _, seed := range []string{`{"role":"editor"}`, `{"role":"a","role":"b"}`, ` {"a":[1,{"b":"\ud83d\ude00"}],"nbf":1e400} `, `{"role":null,"aud":[]}`} {
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, text string, signed bool) {
		token := text
		if signed { // reaches what is behind the signature
			token = good(text)
		}
		v := newVerifier(t, Config{Secret: secret, AnonRole: "anon"})
		got, err := v.Verify(t.Context(), token)
		if err != nil {
			if got != (pg.Caller{}) {
				t.Fatalf("caller %+v beside error %v", got, err)
			}
			return
		}
		parts := strings.Split(token, ".")
		header, headerErr := base64.RawURLEncoding.DecodeString(parts[0])
		payload, payloadErr := base64.RawURLEncoding.DecodeString(parts[1])
		if err := errors.Join(headerErr, payloadErr); err != nil {
			t.Fatal(err)
		}
		if sign(secret, string(header), string(payload)) != token {
			t.Fatalf("accepted, but our signature differs: %q", token)
		}
		var claims map[string]any
		if err := json.Unmarshal([]byte(got.Claims), &claims); err != nil || claims["role"] != got.Role || got.Role == "" || got.Role == "none" {
			t.Fatalf("role %q, claims %s (%v)", got.Role, got.Claims, err)
		}
	})
}

// Any path either does not parse, or prints to one that parses to the same; and
// what it finds is what a walk over the decoded JSON finds.
func FuzzRolePath(f *testing.F) {
	const claims = `{"role":"r","a":{"b":["x",["y"],7,{"k":null}]},"https://e/x":[{"v":"w"}]}`
	for _, path := range []string{
		"role", "$.role", ".a.b[0]", ".a.b[-1].k", `."https://e/x"[0]['v']`, `.a.b[?(@ != "x")]`, `$.a.b[?@ *== 'y']`, ".a.b[0][-3:7]", `.a.b[?(@ != "y")][:-1]`, ".role##", "$..a", ".a[",
	} {
		f.Add(path, claims)
	}
	f.Fuzz(func(t *testing.T, text, claims string) {
		path, err := parseRolePath(text)
		if err != nil {
			return
		}
		printed := printPath(path)
		if again, err := parseRolePath(printed); err != nil || fmt.Sprint(again) != fmt.Sprint(path) {
			t.Fatalf("%q prints as %q, which gives %v and %v", text, printed, again, err)
		}
		members, err := parseObject([]byte(claims))
		if err != nil {
			return
		}
		dec := json.NewDecoder(strings.NewReader(claims))
		dec.UseNumber()
		var decoded any
		if err := dec.Decode(&decoded); err != nil {
			t.Fatalf("parseObject took %q, json does not: %v", claims, err)
		}
		want, found := walk(path, decoded)
		raw := path.find(members)
		if found != (raw != nil) {
			t.Fatalf("%q in %s: found is %v, got %s", text, claims, found, raw)
		}
		if found && compactJSON(t, raw) != encodeJSON(t, want) {
			t.Fatalf("%q in %s: got %s, want %v", text, claims, raw, want)
		}
	})
}

func printPath(p rolePath) string {
	var b strings.Builder
	b.WriteByte('$')
	quoted := func(s string) string {
		if strings.Contains(s, "'") {
			return `"` + s + `"`
		}
		return "'" + s + "'"
	}
	for _, st := range p {
		switch st.kind {
		case '.':
			b.WriteString("[" + quoted(st.name) + "]")
		case '[':
			b.WriteString("[" + strconv.Itoa(st.index) + "]")
		case ':':
			b.WriteString("[" + strconv.Itoa(st.index) + ":" + strconv.Itoa(st.to) + "]")
		default:
			b.WriteString("[?@" + st.op + quoted(st.text) + "]")
		}
	}
	return b.String()
}

func walk(p rolePath, v any) (any, bool) {
	for _, st := range p {
		found := false
		switch x := v.(type) {
		case string:
			if st.kind == ':' {
				v, found = part([]rune(x), st.index, st.to), true
			}
		case map[string]any:
			if st.kind == '.' {
				v, found = x[st.name]
			}
		case []any:
			if i := st.index; st.kind == '[' {
				if i < 0 {
					i += len(x)
				}
				if found = i >= 0 && i < len(x); found {
					v = x[i]
				}
				break
			}
			for _, e := range x {
				if s, ok := e.(string); ok && st.kind == '?' && st.passes(s) {
					v, found = s, true
					break
				}
			}
		}
		if !found {
			return nil, false
		}
	}
	return v, true
}

func compactJSON(t *testing.T, raw []byte) string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%q is not JSON: %v", raw, err)
	}
	return encodeJSON(t, v)
}

func encodeJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
