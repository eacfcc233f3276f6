package token

import (
	"strings"
	"testing"
)

func TestRolePathFinds(t *testing.T) {
	t.Parallel()
	const claims = `{"role":"r","my-role":"m","a":{"b":{"c_1":"abc"},"$x@y":"s"},"list":["one",["two"],{"k":"three"}],
		"https://example.com/roles":[{"value":"v"}],"mixed":[7,{"a":"b"},"other","app_editor_x"],"empty":[],"ü":"u","1":"digit"}`
	members, err := parseObject([]byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		`role`: `"r"`, `$.role`: `"r"`, `.role`: `"r"`, `$['role']`: `"r"`, `$["role"]`: `"r"`, `$[ "role" ]`: `"r"`, `ü`: `"u"`,
		`."my-role"`: `"m"`, `$['my-role']`: `"m"`, `.a.b.c_1`: `"abc"`, `$.a['b'].c_1`: `"abc"`, `.a.$x@y`: `"s"`, `.1`: `"digit"`,
		`.list[0]`: `"one"`, `$.list[1][0]`: `"two"`, `$.list[-1].k`: `"three"`, `$.list[-3]`: `"one"`, `.list[1]`: `["two"]`,
		`."https://example.com/roles"[0].value`: `"v"`,
		`.mixed[?(@ == "other")]`:               `"other"`, `$.mixed[?@ == 'other']`: `"other"`, `$.mixed[?(@=='other')]`: `"other"`,
		`.mixed[?(@ != "other")]`: `"app_editor_x"`, `.mixed[?(@ ^== "app_")]`: `"app_editor_x"`,
		`.mixed[?(@ ==^ "_x")]`: `"app_editor_x"`, `.mixed[?(@ *== "editor")]`: `"app_editor_x"`,

		`.role[:]`: `"r"`, `.a.b.c_1[1:]`: `"bc"`, `.a.b.c_1[:-1]`: `"ab"`, `.a.b.c_1[1:-1]`: `"b"`, `.a.b.c_1[-2:]`: `"bc"`,
		`.a.b.c_1[200:]`: `""`, `.a.b.c_1[2:1]`: `""`, `.a.b.c_1[-9:9]`: `"abc"`, `.ü[0:1]`: `"u"`,
		`.mixed[?(@ *== "editor")][4:-2]`: `"editor"`, `.list[0:1]`: ``, `.mixed[0][1:]`: ``,

		`none`: ``, `.a.none`: ``, `.a[0]`: ``, `.list.k`: ``, `.list[3]`: ``, `.list[-4]`: ``, `.role.x`: ``, `.role[0]`: ``,
		`.mixed[?(@ == "b")]`: ``, `.empty[?(@ != "x")]`: ``, `.a[?(@ == "s")]`: ``, `Role`: ``,
	} {
		p, err := parseRolePath(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got := string(p.find(members)); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestRolePathRefuses(t *testing.T) {
	t.Parallel()
	for path, hint := range map[string]string{
		`$`:                          "names no claim",
		`$[0]`:                       "names no claim",
		`$[?(@ == "x")]`:             "names no claim",
		`role.other`:                 "begins with $ or a dot",
		`$role`:                      "begins with $ or a dot",
		`1234`:                       "begins with $ or a dot",
		`.role##`:                    `at "##"`,
		`.my_role;;domain`:           `at ";;domain"`,
		`.#$$%&$%/`:                  "a name must follow the dot",
		`.`:                          "a name must follow the dot",
		`$..role`:                    "a name must follow the dot",
		`$.*`:                        "a name must follow the dot",
		`$[*]`:                       "a whole number",
		`.a[1:2].b`:                  "comes last",
		`.a[1:][:1]`:                 "comes last",
		`.a[1:2:3]`:                  "a whole number",
		`.a[x:]`:                     "a whole number",
		`.a[01]`:                     "a whole number",
		`.a[-0]`:                     "a whole number",
		`.a[+1]`:                     "a whole number",
		`.a[99999999999]`:            "a whole number",
		`.a[]`:                       "a whole number",
		`.a[`:                        "a whole number",
		`.a[0`:                       "a whole number",
		`$['a','b']`:                 "does not close",
		`$['a'`:                      "does not close",
		`$['a\'b']`:                  "a whole number",
		`."a`:                        "does not end",
		`.role[?(@ =)]`:              "a filter is",
		`.role[?(@ == x)]`:           "a filter is",
		`.role[?(@.k == "x")]`:       "a filter is",
		`.role[?(@ == "x"]`:          "a filter is",
		`.role[?@ == "x")]`:          "a filter is",
		`.role[?(@ == "x")`:          "a filter is",
		`.role[?`:                    "a filter is",
		`.role[?(@ == "x")].name`:    "comes last",
		`.role[?(@ == "x" || @=="y"`: "a filter is",
	} {
		if p, err := parseRolePath(path); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: got %+v and %v, want an error with %q", path, p, err, hint)
		}
	}
}
