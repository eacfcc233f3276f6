package mail

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func vars() map[string]any {
	return map[string]any{
		"SiteURL": "https://app.example.com", "ConfirmationURL": "https://api.example.com/auth/v1/verify?token=a&type=signup",
		"Token": "123456", "TokenHash": "a", "Email": "ada@example.com", "NewEmail": "ada@example.org", "OldEmail": "ada@example.net",
		"RedirectTo": "https://app.example.com/in?a=1&b=2", "SendingTo": "ada@example.com", "Phone": "49123", "OldPhone": "49124",
		"Provider": "github", "FactorType": "totp",
		"Data": map[string]any{"name": `<b>"Ada"</b>`, "list": []any{"x", "y"}, "n": 1e12},
	}
}

func TestEveryKindHasABuiltInTemplate(t *testing.T) {
	t.Parallel()
	if len(Kinds) != len(kinds) {
		t.Errorf("%d names, %d templates", len(Kinds), len(kinds))
	}
	for _, name := range Kinds {
		of, known := kinds[name]
		if !known {
			t.Errorf("%s has none", name)
			continue
		}
		r, err := render(of.builtIn, of.builtIn, vars())
		if err != nil || r.Subject == "" {
			t.Errorf("%s: %v", name, err)
		}
		for part, says := range map[string]string{"HTML": r.HTML, "text": r.Text, "subject": r.Subject} {
			if strings.Contains(says, "{{") || strings.Contains(says, "no value") {
				t.Errorf("%s: %s says %s", name, part, says)
			}
		}
		if of.verifies && (!strings.Contains(r.Text, "https://api.example.com/auth/v1/verify?token=a&type=signup") ||
			!strings.Contains(r.HTML, `href="https://api.example.com/auth/v1/verify?token=a&amp;type=signup"`)) {
			t.Errorf("%s has no link:\n%s\n%s", name, r.Text, r.HTML)
		}
	}
}

// Templates of Supabase's documentation, and what theirs make of them.
func TestTemplatesOfSupabaseMoveOver(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`<a href="{{ .ConfirmationURL }}">in</a>`: `<a href="https://api.example.com/auth/v1/verify?token=a&amp;type=signup">in</a>`,
		`<a href="{{ .SiteURL }}/auth/confirm?token_hash={{ .TokenHash }}&type=email&next={{ .RedirectTo }}">in</a>`: `<a href="https://app.example.com/auth/confirm?token_hash=a&type=email&next=https%3a%2f%2fapp.example.com%2fin%3fa%3d1%26b%3d2">in</a>`,
		`{{ if eq .Data.name "Bo" }}Bo{{ else }}{{ .Data.name }}{{ end }}`:                                           `&lt;b&gt;&#34;Ada&#34;&lt;/b&gt;`,
		`{{ range .Data.list }}{{ . }};{{ end }}{{ .Data.missing }}`:                                                 `x;y;`,
		`{{ .Email }} to {{ .NewEmail }}: {{ .Token }}`:                                                              `ada@example.com to ada@example.org: 123456`,
		`{{ index .Data "name" | len }} {{ .RedirectTo | urlquery }}`:                                                `12 https%3A%2F%2Fapp.example.com%2Fin%3Fa%3D1%26b%3D2`,
	} {
		r, err := render(Template{Subject: "s", HTML: source, Text: "t"}, Template{}, vars())
		if err != nil || r.HTML != want {
			t.Errorf("%s\n got %s (%v)\nwant %s", source, r.HTML, err, want)
		}
	}
}

func TestHostileTemplatesEnd(t *testing.T) {
	t.Parallel()
	many := strings.Repeat
	for name, source := range map[string]string{
		"a loop without an end":          `{{ range 1000000000000 }}{{ end }}`,
		"one within one":                 many("{{ range $.Data.list }}", 60) + many("{{ end }}", 60),
		"four within each other":         many("{{ range 100000 }}", 4) + many("{{ end }}", 4),
		"itself":                         `{{ define "html" }}{{ template "html" }}{{ end }}{{ template "html" }}`,
		"two of what came before":        `{{ define "b" }}x{{ end }}{{ define "a" }}{{ template "b" }}{{ template "b" }}{{ end }}{{ template "a" }}`,
		"a wide number":                  `{{ printf "%1000000000d" 1 }}`,
		"a call":                         `{{ call .Data }}`,
		"a method":                       `{{ .Data.Len }}`,
		"much output":                    `{{ range 100000 }}` + many("x", 100) + `{{ end }}`,
		"a long source":                  many("x", maxTemplate+1),
		"a long pipeline":                `{{ .Email ` + many("| html", 100) + ` }}`,
		"what does not parse":            `{{ .Email `,
		"an unknown function":            `{{ env "HOME" }}`,
		"an index that is not there":     `{{ index .Data.list 7 }}`,
		"half an attribute":              `<a href="{{ if .Token }}">{{ else }}x{{ end }}`,
		"a comparison of unlike things":  `{{ lt .Data.n "x" }}`,
		"a deep nest":                    many("{{ if 1 }}", 20000),
		"a deep expression":              "{{ " + many("(", 20000) + "1" + many(")", 20000) + " }}",
		"a loop in the else of a loop":   `{{ range .Data.none }}{{ else }}{{ range 1000000000000 }}{{ end }}{{ end }}`,
		"a loop within a with, unending": `{{ with .Data }}{{ range 1000000000000 }}{{ if .x }}{{ end }}{{ end }}{{ end }}`,
	} {
		for part, tpl := range map[string]Template{
			"html": {Subject: "s", HTML: source, Text: "t"}, "text": {Subject: "s", HTML: "h", Text: source}, "subject": {Subject: source, HTML: "h", Text: "t"},
		} {
			if r, err := renderWithin(20*time.Millisecond, tpl, Template{}, vars()); err == nil && name != "half an attribute" && name != "a method" {
				t.Errorf("%s as %s says %.100q", name, part, r)
			}
		}
	}
}

func FuzzTemplates(f *testing.F) {
	f.Add(`{{ .Email }}`, `{"name":"x"}`)
	f.Add(`{{ range .Data }}{{ . }}{{ end }}`, `{"a":[1,{"b":null}]}`)
	f.Add("a\r\nBcc: eve@example.com{{ .Data.x }}", `{"x":"\r\nX: y"}`)
	f.Fuzz(func(t *testing.T, source, data string) {
		values := vars()
		var said map[string]any
		if json.Unmarshal([]byte(data), &said) == nil && said != nil {
			values["Data"] = said
		}
		r, err := render(Template{Subject: source, HTML: source, Text: source}, Template{}, values)
		if err == nil && (strings.ContainsAny(r.Subject, "\r\n") || len([]rune(r.Subject)) > maxSubject) {
			t.Errorf("the subject is %q", r.Subject)
		}
	})
}
