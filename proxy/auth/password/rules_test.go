package password

import (
	"slices"
	"strings"
	"testing"
)

func TestRulesTakeWhatIsHardToGuess(t *testing.T) {
	t.Parallel()
	const email, site = "anna.lindqvist@example.com", "https://fluxbase.example.com"
	of := func(names ...string) []string { return names }
	for _, tt := range []struct {
		name     string
		rules    Rules
		password string
		want     []string
	}{
		{"long enough", Rules{MinLength: 8}, "tr0ub4dor&3", nil},
		{"words", Rules{MinLength: 8}, "correct horse battery staple", nil},
		{"only letters", Rules{MinLength: 8}, "qmzwxplk", nil},
		{"no Latin letters", Rules{MinLength: 8}, "парольмоегокота", nil},
		{"64 characters", Rules{MinLength: 8}, strings.Repeat("ab1!xyz ", 8) + "end", nil},
		{"nothing", Rules{MinLength: 8}, "", of("length")},
		{"7 characters", Rules{MinLength: 8}, "tr0ub4d", of("length")},
		{"a lower minimum than there is", Rules{MinLength: 1}, "qzmwx", of("length")},
		{"no minimum", Rules{}, "qzmwxp", nil},
		{"15", Rules{MinLength: 15}, "tr0ub4dor&3", of("length")},
		{"8 characters of more bytes", Rules{MinLength: 8}, "ÅÄÖåäöéè", nil},
		{"7 characters in 8 code points", Rules{MinLength: 8}, "a\u030abcdexz", of("length")},
		{"1,000 characters", Rules{MinLength: 8}, strings.Repeat("ÅÄÖåäöéèq-", 100) + "", of()},
		{"1,001 characters", Rules{MinLength: 8}, strings.Repeat("abcdefghi-", 100) + "x", of("length")},
		{"a megabyte", Rules{MinLength: 8}, strings.Repeat("x", 1<<20), of("length")},
		{"common", Rules{MinLength: 8}, "baseball", of("pwned")},
		{"common in capitals", Rules{MinLength: 8}, "BaseBall1", of("pwned")},
		{"common backwards", Rules{MinLength: 8}, "lkjhgfdsa", of("pwned")},
		{"common and short", Rules{MinLength: 8}, "dragon", of("length", "pwned")},
		{"one letter", Rules{MinLength: 8}, "aaaaaaaaaaaa", of("pwned")},
		{"a part again and again", Rules{MinLength: 8}, "xq7xq7xq7x", of("pwned")},
		{"up", Rules{MinLength: 8}, "defghijklm", of("pwned")},
		{"down", Rules{MinLength: 8}, "987654321", of("pwned")},
		{"the name", Rules{MinLength: 8}, "Lindqvist", of("pwned")},
		{"the name and a year", Rules{MinLength: 8}, "Lindqvist2026!", of("pwned")},
		{"the whole address", Rules{MinLength: 8}, email, of("pwned")},
		{"the site", Rules{MinLength: 8}, "fluxbase123", of("pwned")},
		{"the name and a lot more", Rules{MinLength: 8}, "anna-likes-long-walks", nil},
		{"letters and digits", Rules{MinLength: 8, RequiredCharacters: "letters_digits"}, "qmzwxplk", of("characters")},
		{"letters and digits there", Rules{MinLength: 8, RequiredCharacters: "letters_digits"}, "qmzwxpl7", nil},
		{"small, capitals, digits", Rules{MinLength: 8, RequiredCharacters: "lower_upper_letters_digits"}, "qmzwxpl7", of("characters")},
		{"small, capitals, digits there", Rules{MinLength: 8, RequiredCharacters: "lower_upper_letters_digits"}, "Qmzwxpl7", nil},
		{"symbols", Rules{MinLength: 8, RequiredCharacters: "lower_upper_letters_digits_symbols"}, "Qmzwxpl7", of("characters")},
		{"symbols there", Rules{MinLength: 8, RequiredCharacters: "lower_upper_letters_digits_symbols"}, "Qmzwxpl7?", nil},
		{"a mix that there is not", Rules{MinLength: 8, RequiredCharacters: "letters-digits"}, "Qmzwxpl7", of("characters")},
		{"all that can be wrong", Rules{MinLength: 8, RequiredCharacters: "lower_upper_letters_digits"}, "dragon", of("length", "characters", "pwned")},
	} {
		weak := tt.rules.Check(tt.password, email, site)
		switch {
		case len(tt.want) == 0 && weak != nil:
			t.Errorf("%s: %+v", tt.name, *weak)
		case len(tt.want) > 0 && (weak == nil || !slices.Equal(weak.Reasons, tt.want)):
			t.Errorf("%s: %+v, want %v", tt.name, weak, tt.want)
		case weak != nil && (!strings.HasSuffix(weak.Message, ".") || strings.Contains(weak.Message, "  ")):
			t.Errorf("%s: %q", tt.name, weak.Message)
		case weak != nil && len(tt.password) > 5 && strings.Contains(weak.Message, tt.password):
			t.Errorf("%s: the message repeats the password: %q", tt.name, weak.Message)
		}
	}
}

// ASVS 5.0 6.2.4 asks for the 3,000 most common ones that are long enough.
func TestCommonPasswordsAreKnown(t *testing.T) {
	t.Parallel()
	list := common()
	if !slices.IsSorted(list) {
		t.Error("the list is not sorted")
	}
	long := 0
	for _, p := range list {
		if p != strings.ToLower(p) || len(p) < minLength {
			t.Errorf("%q is in the list", p)
		}
		if len(p) >= 8 {
			long++
		}
	}
	if long < 3000 {
		t.Errorf("%d have 8 characters or more", long)
	}
	rules := Rules{MinLength: 8}
	for _, p := range []string{"password", "12345678", "qwertyuiop", "iloveyou", "1q2w3e4r5t", "password1", "sunshine", "trustno1", "0987654321", "11223344", "jennifer"} {
		if w := rules.Check(p); w == nil || !slices.Equal(w.Reasons, []string{"pwned"}) {
			t.Errorf("%s: %+v", p, w)
		}
	}
}
