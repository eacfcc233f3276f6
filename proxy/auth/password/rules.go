package password

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Rules say which passwords are taken. They are those of NIST SP 800-63B-4: length counts, what
// everybody would guess is refused, and nobody has to mix kinds of characters or to change what is
// good; unless the operator moves from a Supabase project that demanded it.
type Rules struct {
	// MinLength is in characters; the setting password_min_length. What is below 6 counts as 6.
	MinLength int `json:"min_length"`
	// RequiredCharacters is what must be mixed: empty, letters_digits, lower_upper_letters_digits
	// or lower_upper_letters_digits_symbols; the setting password_required_characters.
	RequiredCharacters string `json:"required_characters"`
}

// minLength is the least that a password may have, whatever the settings say.
const minLength = 6

// Weak is why a password is not taken.
type Weak struct {
	// Reasons are what auth-js knows: length, characters, pwned.
	Reasons []string `json:"reasons"`
	// Message says to the user what to do.
	Message string `json:"message"`
}

const symbols = "!@#$%^&*()_+-=[]{};'\\:\"|<>?,./`~"

// mixes are the values of RequiredCharacters: which kinds have to be in a password.
var mixes = map[string][]kind{
	"":                                   nil,
	"letters_digits":                     {{"a letter", isLetter}, {"a digit", isDigit}},
	"lower_upper_letters_digits":         {{"a small letter", isLower}, {"a capital letter", isUpper}, {"a digit", isDigit}},
	"lower_upper_letters_digits_symbols": {{"a small letter", isLower}, {"a capital letter", isUpper}, {"a digit", isDigit}, {"one of " + symbols, isSymbol}},
}

// kind is one of characters.
type kind struct {
	name string
	has  func(rune) bool
}

// The letters and digits of ASCII alone, as there.
func isLower(r rune) bool  { return 'a' <= r && r <= 'z' }
func isUpper(r rune) bool  { return 'A' <= r && r <= 'Z' }
func isDigit(r rune) bool  { return '0' <= r && r <= '9' }
func isLetter(r rune) bool { return isLower(r) || isUpper(r) }
func isSymbol(r rune) bool { return strings.ContainsRune(symbols, r) }

// Check returns nil if the password may be taken. about is what the user and the site are called:
// addresses, names, hosts; of those a password must not consist.
func (r Rules) Check(password string, about ...string) *Weak {
	// Before anything is done with it.
	if len(password) > maxBytes || utf8.RuneCountInString(password) > MaxLength {
		return &Weak{[]string{"length"}, "Choose a password of at most " + strconv.Itoa(MaxLength) + " characters."}
	}
	text := string(normal(password))
	var w Weak
	say := func(reason, message string) {
		w.Reasons, w.Message = append(w.Reasons, reason), strings.TrimSpace(w.Message+" "+message)
	}
	if least := max(r.MinLength, minLength); utf8.RuneCountInString(text) < least {
		say("length", fmt.Sprintf("Choose a password of at least %d characters: several words are easy to remember.", least))
	}
	var missing []string
	for _, k := range r.required() {
		if !strings.ContainsFunc(text, k.has) {
			missing = append(missing, k.name)
		}
	}
	if len(missing) > 0 {
		say("characters", "A password needs at least "+strings.Join(missing, ", and ")+".")
	}
	folded := strings.ToLower(text)
	switch {
	case isCommon(folded) || isCommon(reverse(folded)) || isPattern(folded):
		say("pwned", "Choose another password: this one is among the first that attackers try.")
	case isAbout(folded, about):
		say("pwned", "Choose another password: this one is hardly more than your name, your address or the name of this site.")
	}
	if len(w.Reasons) == 0 {
		return nil
	}
	return &w
}

// required are the kinds that have to be there. Of a name that is none it is all, so that a mistake
// is seen and nothing becomes weaker by it.
func (r Rules) required() []kind {
	if kinds, ok := mixes[r.RequiredCharacters]; ok {
		return kinds
	}
	return mixes["lower_upper_letters_digits_symbols"]
}

// isPattern tells of a text that is one part again and again (aaaaaaaa, abcabcabc), or goes up or
// down by one (12345678, hgfedcba).
func isPattern(text string) bool {
	const longest = 6 // of the part; two times a longer one is no less than that one
	for n := 1; n <= min(len(text)/2, longest); n++ {
		if strings.HasPrefix(text[n:], text[:len(text)-n]) {
			return true
		}
	}
	letters := []rune(text)
	step := func(by rune) bool {
		for i := 1; i < len(letters); i++ {
			if letters[i]-letters[i-1] != by {
				return false
			}
		}
		return len(letters) > 1
	}
	return step(1) || step(-1)
}

// isAbout tells whether little is left of a text without the words of about.
func isAbout(text string, about []string) bool {
	const shortest = 4 // of a word that counts
	var words []string
	for _, a := range about {
		a = strings.ToLower(string(normal(a)))
		words = append(append(words, a), strings.FieldsFunc(a, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r)
		})...)
	}
	// The longest first, so that a word within a word takes nothing from it.
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	left := text
	for _, word := range words {
		if utf8.RuneCountInString(word) >= shortest {
			left = strings.ReplaceAll(left, word, "")
		}
	}
	return left != text && utf8.RuneCountInString(left) < minLength
}

func reverse(text string) string {
	letters := []rune(text)
	slices.Reverse(letters)
	return string(letters)
}
