package tests

import (
	"strings"
	"sync"
	"testing"
)

func TestRestRefusals(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	s.run(t, []restCase{
		{
			name: "unknown table", path: "/zzz", status: 404, want: `{"code":"PGRST205","message":"Could not find the table 'public.zzz' in the schema cache","hint":null,"details":null}`,
			wantHeader: []string{"Proxy-Status: PostgREST; error=PGRST205"},
		},
		{name: "near table", path: "/client", status: 404, want: `{"hint":"Perhaps you meant the table 'public.clients'"}`},
		{name: "deep path", path: "/clients/1", status: 404, want: `{"code":"PGRST125","message":"Invalid path specified in request URL"}`},
		{name: "slash at the end", path: "/clients/", status: 404, want: `{"code":"PGRST125"}`},
		{name: "no function", path: "/rpc/", status: 404, want: `{"code":"PGRST125"}`},
		{name: "unknown schema", path: "/clients", header: []string{"Accept-Profile: other"}, status: 406, want: `{"code":"PGRST106","message":"Invalid schema: other","hint":"Only the following schemas are exposed: public"}`},
		{name: "unknown column", path: "/clients?select=nope", status: 400, want: `{"code":"42703","message":"column clients.nope does not exist"}`},
		{name: "unknown column in a filter", path: "/clients?nope=eq.1", status: 400, want: `{"code":"42703","message":"column clients.nope does not exist"}`},
		{
			name: "unknown operator", path: "/clients?id=foo.1", status: 400,
			want: `{"code":"PGRST100","message":"\"failed to parse filter (foo.1)\" (line 1, column 1)","details":"unexpected \"f\" expecting \"not\" or operator (eq, gt, ...)"}`,
		},
		{name: "is", path: "/clients?id=is.5", status: 400, want: `{"code":"PGRST100","details":"unexpected \"5\" expecting isVal: (null, not_null, true, false, unknown)"}`},
		{name: "select", path: "/clients?select=id,clients(name[])", status: 400, want: `{"code":"PGRST100","message":"\"failed to parse select parameter (id,clients(name[]))\" (line 1, column 16)"}`},
		{
			name: "order", path: "/clients?order=id.ac", status: 400,
			want: `{"code":"PGRST100","message":"\"failed to parse order (id.ac)\" (line 1, column 4)","details":"unexpected \"c\" expecting \"asc\", \"desc\", \"nullsfirst\" or \"nullslast\""}`,
		},
		{name: "logic", path: "/clients?or=()", status: 400, want: `{"code":"PGRST100","message":"\"failed to parse logic tree (())\" (line 1, column 4)"}`},
		{name: "wrong type", path: "/clients?id=eq.abc", status: 400, want: `{"code":"22P02","message":"invalid input syntax for type integer: \"abc\""}`},
		{name: "huge number", path: "/clients?id=eq.99999999999999999999", status: 400, want: `{"code":"22003"}`},
		{name: "huge limit", path: "/clients?limit=99999999999999999999", status: 400, want: `{"code":"22003"}`},
		{name: "huge range", path: "/clients", header: []string{"Range: 99999999999999999999-"}, status: 400, want: `{"code":"22003"}`},
		{name: "nul in a value", path: "/clients?name=eq.a%00b", status: 400, want: `{"code":"22021"}`},
		{name: "nul in a name", path: "/clients?a%00b=eq.1", status: 400, want: `{"code":"22021"}`},
		{name: "nul in the path", path: "/cli%00ents", status: 400, want: `{"code":"22021"}`},
		{name: "bad utf-8 in a value", path: "/clients?name=eq.%ff", status: 400, want: `{"code":"22021"}`},
		{name: "bad utf-8 in the path", path: "/%ff", status: 400, want: `{"code":"22021"}`},
		{name: "bad utf-8 in the body", method: "POST", path: "/clients", body: "{\"id\":1,\"name\":\"\xff\"}", status: 400, want: `{"code":"22021"}`},
		{name: "nul in the body", method: "POST", path: "/clients", body: `{"id":1,"name":"a\u0000"}`, status: 400, want: `{"code":"22P05"}`},
		{name: "deep body", method: "POST", path: "/items", body: `{"id":9,"data":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`, status: 400, want: `{"code":"json_too_deep"}`},
		{name: "large body", method: "POST", path: "/clients", body: `{"id":1,"name":"` + strings.Repeat("x", 11<<20) + `"}`, status: 413, want: `{"code":"body_too_large"}`},
		{name: "unknown cast", path: "/clients?select=id::nope", status: 400, want: `{"code":"42704","message":"type \"nope\" does not exist"}`},
		{name: "options", method: "OPTIONS", path: "/clients", status: 200, wantHeader: []string{"Allow: OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE", "Access-Control-Allow-Origin: *"}},
		{name: "options of a view", method: "OPTIONS", path: "/busy", status: 200, wantHeader: []string{"Allow: OPTIONS,GET,HEAD"}},
		{name: "options of a simple view", method: "OPTIONS", path: "/items_view", status: 200, wantHeader: []string{"Allow: OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"}},
	})
}

// Names and values that would be SQL if they ever got into it unquoted.
func TestRestInjectionStaysText(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	// All at once: each name that is not in the catalogue waits for a fresh one,
	// and those that wait share it.
	var wg sync.WaitGroup
	for _, evil := range []string{
		`x'; drop table clients; --`, `x"; drop table clients; --`, `'||(select 1)||'`, `1) or (1=1`, `\'; select 1; --`,
		`$1`, `$$x$$`, `"`, `""`, `'`, `\`, `*/`, `;`, `E'\x27'`, `id" from secret --`, `);--`, "a\nb", `%27`, `?`, `:x`, `{"a"}`,
	} {
		wg.Go(func() {
			quoted := strings.NewReplacer("%", "%25", "&", "%26", "+", "%2B", "#", "%23", ";", "%3B", " ", "%20", `"`, "%22", "\n", "%0A", "'", "%27", `\`, "%5C", "?", "%3F", "$", "%24", "=", "%3D").Replace
			inName := quoted(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(evil) + `"`)
			for _, path := range []string{
				"/clients?name=eq." + quoted(evil),
				"/clients?name=in.(" + quoted(evil) + ")",
				"/clients?name=like." + quoted(evil),
				"/clients?or=(name.eq." + inName + ")",
				"/clients?select=" + inName,
				"/clients?select=x:" + inName,
				"/clients?select=" + inName + ":name",
				"/clients?select=name::" + quoted(evil),
				"/clients?select=data->" + inName,
				"/items?select=data->" + inName,
				"/items?select=data->>" + quoted(evil),
				"/clients?order=" + inName,
				"/clients?" + inName + "=eq.1",
				"/clients?" + quoted(evil) + "=eq.1",
				"/clients?select=id," + inName + "(id)",
				"/clients?select=id,projects!" + inName + "(id)",
				"/items?words=fts(" + quoted(evil) + ").cat",
				"/clients?limit=" + quoted(evil),
				"/" + strings.ReplaceAll(quoted(evil), "/", "%2F"),
				"/rpc/" + strings.ReplaceAll(quoted(evil), "/", "%2F"),
				"/rpc/add?a=" + quoted(evil),
				"/rpc/add?" + inName + "=1",
			} {
				w := s.send(t, "GET", path, "")
				if w.Code >= 500 || strings.Contains(w.Body.String(), `"42601"`) && !strings.Contains(w.Body.String(), "zero-length") {
					t.Errorf("%s: %d %s", path, w.Code, w.Body)
				}
			}
		})
	}
	wg.Wait()
	s.check(t, restCase{path: "/clients?select=id&order=id", status: 200, want: `[{"id":1},{"id":2}]`})
}
