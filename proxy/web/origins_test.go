package web

import "testing"

func TestOrigins(t *testing.T) {
	t.Parallel()
	o, err := ParseOrigins([]string{
		"https://App.Example.com:443", "http://localhost:3000", "https://*.example.org", "https://app-*.example.net:8443",
		"capacitor://localhost",
	})
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]bool{
		"https://app.example.com":                  true,
		"https://app.example.com:443":              false, // no browser writes it so
		"https://APP.example.com":                  false,
		"http://app.example.com":                   false,
		"https://app.example.com.evil.test":        false,
		"https://evilapp.example.com":              false,
		"https://app.example.com/":                 false,
		"http://localhost:3000":                    true,
		"http://localhost:3001":                    false,
		"http://localhost":                         false,
		"capacitor://localhost":                    true,
		"https://a.example.org":                    true,
		"https://a-1_b.example.org":                true,
		"https://a.b.example.org":                  false, // one label, as in certificates
		"https://example.org":                      false,
		"https://.example.org":                     false,
		"http://a.example.org":                     false,
		"https://a.example.org:8443":               false,
		"https://evil.test/.example.org":           false,
		"https://evil.test#.example.org":           false,
		"https://evil.test\\.example.org":          false,
		"https://a@b.example.org":                  false,
		"https://evil.test,https://a.example.org":  false,
		"https://a.example.org https://b.test":     false,
		"https://app-1.example.net:8443":           true,
		"https://app-.example.net:8443":            false,
		"https://app-1.example.net":                false,
		"https://app-1.example.net.evil.test:8443": false,
		"null":                              false,
		"":                                  false,
		"*":                                 false,
		"https://*.example.org":             false,
		"https://xn--bcher-kva.example.org": true,
		"https://b\u00fccher.example.org":   false,
		"https://app-1.evil.test?.example.net:8443": false,
	} {
		if got := o.Listed(origin); got != want {
			t.Errorf("%q: listed is %v", origin, got)
		}
	}
	if o.All() {
		t.Error("a list stands for all")
	}
	if o, err := ParseOrigins([]string{"null", "*"}); err != nil || !o.All() || !o.Listed("null") {
		t.Errorf("null and *: %+v %v", o, err)
	}
	for _, bad := range []string{
		"", "app.example.com", "https://", "https://a.test/", "https://a.test?", "https://a.test?b", "https://a.test#b", "https://u@a.test",
		"https://*", "https://*.test", "https://a.*.test", "https://*.*.test", "https://**.a.test", "https://a.test:*",
		"https://b\u00fccher.example", "*.example.com",
	} {
		if _, err := ParseOrigins([]string{bad}); err == nil {
			t.Errorf("%q is taken for an origin", bad)
		}
	}
}
