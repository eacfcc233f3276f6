package query

import (
	"cmp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// exactness says how far values of a type can be compared by their texts.
type exactness uint8

const (
	inexact exactness = iota // may be a row, of which IS NULL asks each field
	plain                    // null or not
	exactText
	exactInt
	exactBool
	exactUUID
	exactNumeric
	exactDate
	exactTimestamp
	exactTimestampTZ
)

const boolType = 16

// exact has the types that Postgres defines itself, by their oids (pg_type.dat).
var exact = map[uint32]exactness{
	boolType: exactBool, 20: exactInt, 21: exactInt, 23: exactInt, 25: exactText, 1043: exactText, 2950: exactUUID,
	1700: exactNumeric, 1082: exactDate, 1114: exactTimestamp, 1184: exactTimestampTZ,

	17: plain, 114: plain, 3802: plain, 700: plain, 701: plain, 1042: plain, 19: plain, 1083: plain, 1266: plain,
	1186: plain, 869: plain, 650: plain, 790: plain, 3614: plain, 600: plain,
	1000: plain, 1007: plain, 1016: plain, 1009: plain, 1015: plain, 2951: plain, 1231: plain, 3807: plain,
	3904: plain, 3906: plain, 3908: plain, 3910: plain, 3912: plain, 3926: plain,
}

var intBits = map[uint32]int{20: 64, 21: 16, 23: 32}

// Key is a value in a form that is the same for equal values of a type.
type Key struct {
	number int64
	text   string
}

// compare orders the keys of a type.
func (k Key) compare(o Key) int {
	if k.number != o.number {
		return cmp.Compare(k.number, o.number)
	}
	c := strings.Compare(k.text, o.text)
	if k.number < 0 {
		return -c // digits of negative numbers
	}
	return c
}

// Key reads a value of the column, as Postgres writes it or a client may. Forms that
// Postgres takes beside the usual ones are not read.
func (c Column) Key(text string) (k Key, ok bool) {
	switch exact[c.Type] {
	case exactText:
		return Key{text: text}, !c.Loose && strings.IndexByte(text, 0) < 0
	case exactInt:
		n, err := strconv.ParseInt(text, 10, intBits[c.Type])
		return Key{number: n}, err == nil
	case exactBool:
		switch text {
		case "t", "true":
			return Key{number: 1}, true
		case "f", "false":
			return Key{}, true
		}
		return k, false
	case exactUUID:
		return uuidKey(text)
	case exactNumeric:
		return numericKey(text)
	case exactDate:
		k.number, ok = day(text)
		return k, ok && len(text) == dateLen
	case exactTimestamp, exactTimestampTZ:
		k.number, ok = moment(text, exact[c.Type] == exactTimestampTZ)
		return k, ok
	}
	return k, false
}

func uuidKey(text string) (Key, bool) {
	if len(text) != 36 {
		return Key{}, false
	}
	for i := range len(text) {
		c := text[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return Key{}, false
			}
		} else if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return Key{}, false
		}
	}
	return Key{text: strings.ToLower(text)}, true
}

// numericKey has the number of digits before the point, one more, with the sign, and
// the digits without zeros at the ends: so one number has one key, and keys of one
// length are ordered as their digits.
func numericKey(text string) (Key, bool) {
	digits, negative := strings.CutPrefix(text, "-")
	if !negative {
		digits = strings.TrimPrefix(digits, "+")
	}
	whole, part, _ := strings.Cut(digits, ".")
	if whole+part == "" || strings.Trim(whole, "0123456789")+strings.Trim(part, "0123456789") != "" {
		return Key{}, false
	}
	whole, part = strings.TrimLeft(whole, "0"), strings.TrimRight(part, "0")
	if whole+part == "" {
		return Key{}, true
	}
	k := Key{number: int64(len(whole)) + 1, text: whole + part}
	if negative {
		k.number = -k.number
	}
	return k, true
}

const dateLen = len("2006-01-02")

// digits reads n of them, within bounds.
func digits(s string, n, low, high int) (v int, rest string, ok bool) {
	if len(s) < n {
		return 0, s, false
	}
	for i := range n {
		if s[i] < '0' || s[i] > '9' {
			return 0, s, false
		}
		v = 10*v + int(s[i]-'0')
	}
	return v, s[n:], v >= low && v <= high
}

// day reads the first characters as a date; its number is that of microseconds.
func day(s string) (int64, bool) {
	if len(s) < dateLen || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	year, _, ok1 := digits(s, 4, 1, 9999)
	month, _, ok2 := digits(s[5:], 2, 1, 12)
	d, _, ok3 := digits(s[8:], 2, 1, 31)
	t := time.Date(year, time.Month(month), d, 0, 0, 0, 0, time.UTC)
	return t.UnixMicro(), ok1 && ok2 && ok3 && t.Day() == d
}

// moment reads a date and a time of day, with the zone if there has to be one, as
// microseconds.
func moment(s string, zoned bool) (int64, bool) {
	at, ok := day(s)
	if !ok {
		return 0, false
	}
	s = s[dateLen:]
	if s == "" && !zoned {
		return at, true
	}
	if s == "" || s[0] != ' ' && s[0] != 'T' {
		return 0, false
	}
	hour, s, ok1 := digits(s[1:], 2, 0, 23)
	if !ok1 || s == "" || s[0] != ':' {
		return 0, false
	}
	minute, s, ok2 := digits(s[1:], 2, 0, 59)
	if !ok2 {
		return 0, false
	}
	second, fraction := 0, 0
	if s != "" && s[0] == ':' {
		if second, s, ok = digits(s[1:], 2, 0, 59); !ok {
			return 0, false
		}
		if s != "" && s[0] == '.' {
			n := len(s) - 1 - len(strings.TrimLeft(s[1:], "0123456789"))
			if n < 1 || n > 6 {
				return 0, false
			}
			fraction, _, _ = digits(s[1:1+n]+"00000", 6, 0, 999999)
			s = s[1+n:]
		}
	}
	at += int64(hour*3600+minute*60+second)*1e6 + int64(fraction)
	if !zoned {
		return at, s == ""
	}
	offset, ok := zone(s)
	return at - offset, ok
}

// zone reads Z, +01, +01:30 or +0130 as microseconds.
func zone(s string) (int64, bool) {
	if s == "Z" {
		return 0, true
	}
	if s == "" || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	sign := int64(1e6)
	if s[0] == '-' {
		sign = -sign
	}
	hours, s, ok := digits(s[1:], 2, 0, 15)
	minutes := 0
	if ok && s != "" {
		minutes, s, ok = digits(strings.TrimPrefix(s, ":"), 2, 0, 59)
	}
	return sign * int64(hours*3600+minutes*60), ok && s == ""
}

// maxMatch is the most that text and pattern may be, multiplied: what takes longer
// is left to Postgres, which can be stopped.
const maxMatch = 1 << 20

// pattern is that of like: bytes, and the two below.
type pattern []int16

const (
	anyRune  = -1 // _
	anyRunes = -2 // %
)

// newPattern reads one. Postgres refuses a backslash at the end, if it gets there.
func newPattern(s string) (p pattern, ok bool) {
	p = make(pattern, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '_':
			p = append(p, anyRune)
		case '%':
			p = append(p, anyRunes)
		case '\\':
			if i++; i == len(s) {
				return nil, false
			}
			fallthrough
		default:
			p = append(p, int16(s[i]))
		}
	}
	return p, true
}

// match gives the last % that was met one more character whenever what follows it
// does not fit.
func (p pattern) match(s string) bool {
	i, j := 0, 0
	afterRun, from := -1, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == anyRunes:
			i++
			afterRun, from = i, j
		case i < len(p) && p[i] == anyRune:
			_, n := utf8.DecodeRuneInString(s[j:])
			i, j = i+1, j+n
		case i < len(p) && p[i] == int16(s[j]):
			i, j = i+1, j+1
		case afterRun >= 0:
			_, n := utf8.DecodeRuneInString(s[from:])
			from += n
			i, j = afterRun, from
		default:
			return false
		}
	}
	for i < len(p) && p[i] == anyRunes {
		i++
	}
	return i == len(p)
}

// ParseArray reads an array literal of one dimension without nulls. False says that
// it is none, or one that only Postgres can read.
func ParseArray(s string) (list []string, ok bool) {
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return nil, false
	}
	s = s[1 : len(s)-1]
	if s == "" {
		return []string{}, true
	}
	for {
		var el string
		if s != "" && s[0] == '"' {
			p := parser{s: s}
			if el, ok = p.quoted(); !ok {
				return nil, false
			}
			s = s[p.i:]
		} else {
			n := strings.IndexByte(s, ',')
			if n < 0 {
				n = len(s)
			}
			el, s = s[:n], s[n:]
			// Postgres drops spaces at the ends and takes NULL for no value.
			if el == "" || strings.ContainsAny(el, "\"\\{} \t\n\r\v\f") || strings.EqualFold(el, "null") {
				return nil, false
			}
		}
		list = append(list, el)
		if s == "" {
			return list, true
		}
		if s[0] != ',' {
			return nil, false
		}
		s = s[1:]
	}
}
