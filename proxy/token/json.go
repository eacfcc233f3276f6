package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the recursion; claims of real issuers nest four or five deep.
const maxDepth = 32

// jsonSpace is the white space of RFC 8259.
const jsonSpace = " \t\r\n"

// member is one name and value of a JSON object. raw is a part of the object's
// own bytes, from at on, so that a number keeps its text and a value can be
// replaced.
type member struct {
	name string
	raw  []byte
	at   int
}

// parseObject checks that text is a JSON object that Go, json and jsonb read
// alike, and returns its members. text has no white space around it.
func parseObject(text []byte) ([]member, error) {
	switch {
	case !utf8.Valid(text):
		return nil, errors.New("is not UTF-8")
	case !json.Valid(text):
		return nil, errors.New("is not JSON")
	case text[0] != '{':
		return nil, errors.New("is not a JSON object")
	}
	if err := checkValue(text, maxDepth); err != nil {
		return nil, err
	}
	return members(text), nil
}

// checkValue walks a value that json.Valid has passed.
func checkValue(v []byte, depth int) error {
	if depth == 0 {
		return errors.New("nests deeper than " + strconv.Itoa(maxDepth) + " levels")
	}
	switch v[0] {
	case '"':
		return checkString(v)
	case '[':
		for _, e := range elements(v) {
			if err := checkValue(e, depth-1); err != nil {
				return err
			}
		}
	case '{':
		seen := make(map[string]bool)
		err := eachMember(v, func(name, value []byte, _ int) error {
			if err := checkString(name); err != nil {
				return err
			}
			key := unquote(name)
			if seen[key] {
				return errors.New("has a name twice in one object")
			}
			seen[key] = true
			return checkValue(value, depth-1)
		})
		return err
	}
	return nil
}

// checkString refuses the escapes that jsonb refuses.
func checkString(s []byte) error {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		i++
		if s[i] != 'u' {
			continue
		}
		r := hex4(s[i+1:])
		i += 4
		if r == 0 {
			return errors.New(`holds \u0000, which Postgres cannot store`)
		}
		if !utf16.IsSurrogate(r) {
			continue
		}
		if len(s) < i+7 || s[i+1] != '\\' || s[i+2] != 'u' || utf16.DecodeRune(r, hex4(s[i+3:])) == utf8.RuneError {
			return errors.New("holds half a surrogate pair, which is no character")
		}
		i += 6
	}
	return nil
}

// hex4 reads the four digits of a \u escape in text that json.Valid has passed.
func hex4(s []byte) rune {
	r, err := strconv.ParseUint(string(s[:4]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(r)
}

// members lists an object's members. v must have passed json.Valid.
func members(v []byte) []member {
	var out []member
	_ = eachMember(v, func(name, value []byte, at int) error { // fn never fails
		out = append(out, member{unquote(name), value, at})
		return nil
	})
	return out
}

func eachMember(v []byte, fn func(name, value []byte, at int) error) error {
	for i := next(v, 1); v[i] != '}'; {
		end := skip(v, i)
		name := v[i:end]
		i = next(v, next(v, end)+1) // past the colon
		end = skip(v, i)
		if err := fn(name, v[i:end], i); err != nil {
			return err
		}
		if i = next(v, end); v[i] == ',' {
			i = next(v, i+1)
		}
	}
	return nil
}

// elements lists an array's values. v must have passed json.Valid.
func elements(v []byte) [][]byte {
	var out [][]byte
	for i := next(v, 1); v[i] != ']'; {
		end := skip(v, i)
		out = append(out, v[i:end])
		if i = next(v, end); v[i] == ',' {
			i = next(v, i+1)
		}
	}
	return out
}

// next is the first place at or after i that is not white space.
func next(v []byte, i int) int {
	for v[i] == ' ' || v[i] == '\t' || v[i] == '\r' || v[i] == '\n' {
		i++
	}
	return i
}

// skip is the end of the value that begins at i.
func skip(v []byte, i int) int {
	switch v[i] {
	case '"':
		return skipString(v, i)
	case '{', '[':
		return skipNested(v, i)
	}
	for i < len(v) && v[i] > ' ' && v[i] != ',' && v[i] != ']' && v[i] != '}' {
		i++
	}
	return i
}

func skipNested(v []byte, i int) int {
	for depth := 0; ; {
		switch v[i] {
		case '"':
			i = skipString(v, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
}

func skipString(v []byte, i int) int {
	for i++; v[i] != '"'; i++ {
		if v[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// unquote is the text of a JSON string that json.Valid has passed.
func unquote(s []byte) string {
	if bytes.IndexByte(s, '\\') < 0 {
		return string(s[1 : len(s)-1])
	}
	var text string
	if err := json.Unmarshal(s, &text); err != nil {
		return "" // cannot be: it was valid
	}
	return text
}

// quote is text as a JSON string, with nothing escaped that need not be.
func quote(text string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		panic(err) // a string always encodes
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
