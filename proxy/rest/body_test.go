package rest

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestScanJSON(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   string
		want bodyShape
		err  error
	}{
		{in: `{}`, want: bodyShape{}},
		{
			in:   ` {"a":1,"b":[{"c":null}],"d":[ "x" ]} `,
			want: bodyShape{keys: []string{"a", "b", "d"}, values: []jsonValue{{6, 7, false}, {12, 24, false}, {29, 36, true}}},
		},
		{in: `{"a":1,"a":2}`, want: bodyShape{keys: []string{"a"}, values: []jsonValue{{11, 12, false}}}},
		{in: `[]`, want: bodyShape{array: true}},
		{in: `[{},{}]`, want: bodyShape{array: true}},
		{in: `[{"a":1,"b":2},{"b":1,"a":2}]`, want: bodyShape{array: true, keys: []string{"a", "b"}}},
		{in: `[{"a":1,"b":2},{"a":1}]`, want: bodyShape{array: true, keys: []string{"a", "b"}, ragged: true}},
		{in: `[{"a":1,"b":2},{"a":1,"a":2}]`, want: bodyShape{array: true, keys: []string{"a", "b"}, ragged: true}},
		{in: `[{"a":1},{"a":1,"c":2}]`, want: bodyShape{array: true, keys: []string{"a"}, ragged: true}},
		{in: `[{"a":1},5]`, want: bodyShape{array: true, keys: []string{"a"}, ragged: true}},
		{in: `[{"\u0061\n":1},{"a\n":2}]`, want: bodyShape{array: true, keys: []string{"a\n"}}},
		{in: `{"\ud83d\ude00":1}`, want: bodyShape{keys: []string{"😀"}, values: []jsonValue{{16, 17, false}}}},
		{in: `5`, want: bodyShape{other: true}},
		{in: `"x"`, want: bodyShape{other: true}},
		{in: `null`, want: bodyShape{other: true}},
		{in: ``, err: errJSON},
		{in: `{`, err: errJSON},
		{in: `{"a"}`, err: errJSON},
		{in: `{"a":1,}`, err: errJSON},
		{in: `{"a":01}`, err: errJSON},
		{in: `{"a":1.}`, err: errJSON},
		{in: `{"a":-}`, err: errJSON},
		{in: `{"a":tru}`, err: errJSON},
		{in: `{"a":1} x`, err: errJSON},
		{in: "{\"a\":\"\n\"}", err: errJSON},
		{in: `{"a":"\x"}`, err: errJSON},
		{in: `{"a":"\ud83d"}`, err: errJSON},
		{in: `{"a":"\u0000"}`, err: fail22P05},
		{in: strings.Repeat("[", 65) + strings.Repeat("]", 65), err: errJSONDepth},
	} {
		got, err := scanJSON([]byte(tt.in))
		if !errors.Is(err, tt.err) || err == nil && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v %v, want %+v %v", tt.in, got, err, tt.want, tt.err)
		}
	}
	if _, err := scanJSON([]byte("\"\xff\"")); err == nil {
		t.Error("what is not UTF-8 passes")
	}
}

// What the scan takes, encoding/json takes too, with the same keys; what it
// refuses beyond that is what Postgres would refuse.
func FuzzScanJSON(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `[{"a":"\u00e9"},{"a":null}]`, `[1,-2.5e3,true]`, `{"a":{"b":[[]]}}`, `"\ud83d\ude00"`, `[{"a":1},{"b":2}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		shape, err := scanJSON(body)
		valid := json.Valid(body) && utf8.Valid(body)
		if err == nil && !valid {
			t.Fatalf("%q passes and is not JSON", body)
		}
		if err != nil {
			if errors.Is(err, errJSON) && valid && !strings.Contains(string(body), `\u`) {
				t.Fatalf("%q is JSON and is refused", body)
			}
			return
		}
		var object map[string]any
		if json.Unmarshal(body, &object) == nil && object != nil && len(object) != len(shape.keys) {
			t.Fatalf("%q has keys %q", body, shape.keys)
		}
	})
}

func TestConvertedBodies(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a,b\n1,x":                    `[{"a":"1","b":"x"}]`,
		"a,b\n1,NULL\n\"q,\"\"r\",\n": `[{"a":"1","b":null},{"a":"q,\"r","b":""}]`,
		"a":                           `[]`,
	} {
		got, err := csvToJSON([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%q: %s %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "a,b\n1", "a\n\"x", "a\n\xff"} {
		if got, err := csvToJSON([]byte(in)); err == nil {
			t.Errorf("%q becomes %s", in, got)
		}
	}
	for in, want := range map[string]string{
		"a=1&b=x+y%26z&c": `{"a":"1","b":"x y&z","c":""}`,
		"a=1&a=2":         `{"a":"2"}`,
		"":                `{}`,
	} {
		got, err := formToJSON([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%q: %s %v, want %s", in, got, err, want)
		}
	}
}

// A body of very many keys must not take the square of their number, which here
// would last as long as the test may.
func TestManyKeysScanInTime(t *testing.T) {
	t.Parallel()
	b := []byte{'['}
	for row := range 2 {
		if row > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		for i := range 200_000 {
			if i > 0 {
				b = append(b, ',')
			}
			n := i
			if row == 1 {
				n = 199_999 - i
			}
			b = append(strconv.AppendInt(append(b, `"k`...), int64(n), 10), `":1`...)
		}
		b = append(b, '}')
	}
	b = append(b, ']')
	shape, err := scanJSON(b)
	if err != nil || shape.ragged || len(shape.keys) != 200_000 {
		t.Fatalf("%d keys, ragged %t, %v", len(shape.keys), shape.ragged, err)
	}
}
