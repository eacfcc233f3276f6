package source

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestImportsOfAModule(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ source, want string }{
		{`import "a"`, "a"},
		{`import a from 'a'; import * as b from "b"; import {c, d as e} from "c"`, "a b c"},
		{"import a, {\n  type B,\n  \"c-d\" as e,\n} from\n  \"a\"\nimport x from 'x'", "a x"},
		{`export * from "a"; export * as b from "b"; export { c } from "c"; export { d }; export const from = "e"; export default "f"`, "a b c"},
		{`import type { A } from "a"; export type { B } from "b"; import type C from "c"; export type D = "d"; import e from "e"`, "e"},
		{`import type from "a"; import type, { b } from "b"; import from from "c"; import { from } from "d"; import { type } from "e"`, "a b c d e"},
		{`const a = await import("a"); import( /* of */ 'b'); import(name); import(` + "`c`" + `); import(` + "`d${e}`" + `)`, "a b c"},
		{`import.meta.url; x.import("a"); y.export; importer("b"); export function f() {}`, ""},
		{"// import 'a'\n/* import 'b' */ import /* c */ \"d\" // e", "d"},
		{"#!/usr/bin/env deno\nimport 'a'", "a"},
		{"'import \"a\"'; \"import 'b'\"; `import 'c' ${`import 'd' ${{a: import('e')}}`} import 'f'`; import 'g'", "e g"},
		{`const r = /["'` + "`" + `]/g, q = a / b / "import 'c'"; import "d"`, "d"},
		{`x = y.replace(/[/"]/, '\'import "a"'); return /"/.test(z); import "b"`, "b"},
		{"const s = 'it\n import 'a'", "a"},
		{`import data from "./a.json" with { type: "json" }; import b from "b"`, "./a.json b"},
		{`import a = require("a"); import "b"`, "b"},
		{`import`, ""},
		{`import {`, ""},
		{`export *`, ""},
		{"import `a`", ""},
		{"`${", ""},
		{`"\`, ""},
		{"/", ""},
		{"/*", ""},
		{"import x from", ""},
	} {
		var got []string
		for _, st := range statements([]byte(tt.source)) {
			if !st.typeOnly {
				got = append(got, st.specifier)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: got %q, want %q", tt.source, got, tt.want)
		}
	}
	at := statements([]byte("\n\nimport {\n a } from 'a'"))
	if len(at) != 1 || at[0].line != 3 {
		t.Errorf("the line: %+v", at)
	}
}

func FuzzStatements(f *testing.F) {
	f.Add([]byte("import a, { b as c } from 'd'; `${`${x}`}`; /[/]/.x; export * from \"e\""))
	f.Fuzz(func(t *testing.T, source []byte) {
		for _, st := range statements(source) {
			if st.end > len(source) || !strings.Contains(string(source), st.specifier) || st.line < 1 {
				t.Errorf("%+v of %q", st, source)
			}
		}
	})
}

// project writes files below a folder and returns the one of the functions.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		at := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(root, "supabase", "functions")
}

func TestConfigOfFunctions(t *testing.T) {
	t.Parallel()
	dir := project(t, map[string]string{"supabase/functions/a/index.ts": "", "supabase/config.toml": `
project_id = "x" # [functions.y]
[api]
functions = ["verify_jwt"]
note = """
[functions.z]
verify_jwt = false
"""
[functions.hook]
verify_jwt = false   # of a service
import_map = "./functions/hook/deno.json"
entrypoint = './functions/hook/main.ts'
static_files = [
  "./functions/hook/*.html", # pages
  "./functions/hook/a.txt"
]
something = { new = 1 }
[functions."quoted-1"]
enabled = false
[functions.hook.env]
verify_jwt = true
[ functions . spaced ]
verify_jwt = true
`})
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(f.settings)); !slices.Equal(got, []string{"hook", "quoted-1", "spaced"}) {
		t.Errorf("tables of functions: %q", got)
	}
	hook := f.of("hook")
	if *hook.verifyJWT || hook.importMap != "./functions/hook/deno.json" || hook.entrypoint != "./functions/hook/main.ts" ||
		!slices.Equal(hook.static, []string{"./functions/hook/*.html", "./functions/hook/a.txt"}) {
		t.Errorf("%+v", hook)
	}
	if *f.of("quoted-1").enabled || !*f.of("spaced").verifyJWT || f.of("a").verifyJWT != nil {
		t.Error("enabled and verify_jwt are not as written")
	}

	for config, want := range map[string]string{
		"[functions.a]\nverify_jwt = maybe":               "verify_jwt is true or false",
		"[functions.a]\nverify_jwt":                       "config.toml:2: this is not KEY = VALUE",
		"[functions.a]\n[functions.a]":                    "is there twice",
		"[functions]\na = { verify_jwt = false }":         "a table of its own",
		"functions.a.verify_jwt = false":                  "a table of its own",
		"[functions.a/b]":                                 "no table of a function",
		"[functions.a]\nentrypoint = 5":                   "is no string",
		"[functions.a]\nstatic_files = 'x'":               "a list of strings",
		"[functions.a]\nentrypoint = \"\"\"\nx\n\"\"\"\n": "is no string",
	} {
		at := filepath.Join(filepath.Dir(dir), "config.toml")
		if err := os.WriteFile(at, []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", config, err, want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("[functions.a]\nverify_jwt = false\nstatic_files = [\n'a', # b\n]\nx = '''\n'''")
	f.Fuzz(func(t *testing.T, content string) {
		at := filepath.Join(t.TempDir(), "config.toml")
		if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		all, _ := readConfig(at)
		for name := range all {
			if !isName(name) {
				t.Errorf("a function %q of %q", name, content)
			}
		}
	})
}

func TestFunctionsOfAFolder(t *testing.T) {
	t.Parallel()
	dir := project(t, map[string]string{
		"supabase/functions/b/index.ts": "", "supabase/functions/a/index.js": "", "supabase/functions/_shared/index.ts": "",
		"supabase/functions/off/index.ts": "", "supabase/functions/empty/x.ts": "", "supabase/functions/.git/index.ts": "",
		"supabase/functions/node_modules/x/index.ts": "", "supabase/elsewhere/main.ts": "",
		"supabase/config.toml": "[functions.off]\nenabled = false\n[functions.own]\nentrypoint = './elsewhere/main.ts'",
	})
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	names, err := f.Names()
	if err != nil || !slices.Equal(names, []string{"a", "b", "own"}) {
		t.Errorf("got %q, %v", names, err)
	}
	if _, err := Open(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestFilesThatGoAsTheyAre(t *testing.T) {
	t.Parallel()
	const types = `import "jsr:@supabase/functions-js/edge-runtime.d.ts";`
	dir := project(t, map[string]string{
		"supabase/functions/alone/index.ts":   "import { a } from \"./lib/a.ts\"",
		"supabase/functions/alone/lib/a.ts":   "import 'node:fs'; export const a = 1",
		"supabase/functions/alone/other.ts":   "not imported",
		"supabase/functions/shares/index.ts":  types + "\nimport type { T } from \"npm:t\"\nimport '../_shared/a.ts'; import b from './b.json' with {type: 'json'}",
		"supabase/functions/shares/b.json":    `{"not": "import 'x'"}`,
		"supabase/functions/shares/page.html": "<p>",
		"supabase/functions/_shared/a.ts":     "import './b.ts'",
		"supabase/functions/_shared/b.ts":     "import './a.ts'",
		"supabase/functions/far/index.ts":     "import '../../../packages/x.ts'",
		"packages/x.ts":                       "",
		"supabase/functions/lacks/index.ts":   "\nimport './gone.ts'",
		"supabase/functions/needs/index.ts":   "import './a.ts'\nimport { x } from 'npm:x@1'",
		"supabase/functions/needs/a.ts":       "import 'https://a.test/x.ts'; import 'bare'",
		"supabase/config.toml":                "[functions.shares]\nverify_jwt = false\nstatic_files = ['./functions/shares/*.html']",
	})
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, entry, files string }{
		{"alone", "index.ts", "index.ts lib/a.ts"},
		{"shares", "shares/index.ts", "_shared/a.ts _shared/b.ts shares/b.json shares/index.ts shares/page.html"},
		{"far", "supabase/functions/far/index.ts", "packages/x.ts supabase/functions/far/index.ts"},
	} {
		v, err := f.Read(t.Context(), tt.name, Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		if got := strings.Join(slices.Sorted(maps.Keys(v.Files)), " "); got != tt.files || v.Entrypoint != tt.entry || v.Bundled {
			t.Errorf("%s: %s of %s", tt.name, v.Entrypoint, got)
		}
		if tt.name != "shares" {
			continue
		}
		if v.VerifyJWT == nil || *v.VerifyJWT || len(v.Sources) != 5 {
			t.Errorf("verify_jwt %v, sources %q", v.VerifyJWT, v.Sources)
		}
		if text := string(v.Files["shares/index.ts"]); !strings.HasPrefix(text, strings.Repeat(" ", len(types))+"\nimport type") {
			t.Errorf("the import of types: %q", text)
		}
	}
	for name, want := range map[string]string{
		"lacks":   "index.ts:2 imports ./gone.ts, and there is no such file",
		"needs":   "a.ts:1 imports https://a.test/x.ts, and there are 2 more such imports: packages are bundled",
		"nothing": "there is no function nothing",
		"../x":    "cannot be the name",
	} {
		if _, err := f.Read(t.Context(), name, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}
