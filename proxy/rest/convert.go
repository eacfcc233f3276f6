package rest

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// csvToJSON makes an array of objects of a CSV body: the first line names the
// columns, NULL is null.
func csvToJSON(body []byte) ([]byte, error) {
	if !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 {
		return nil, badText(string(body))
	}
	rd := csv.NewReader(bytes.NewReader(body))
	rd.FieldsPerRecord = -1
	records, err := rd.ReadAll()
	if err != nil {
		return nil, invalidBody("the CSV does not parse").Because(err)
	}
	if len(records) == 0 {
		return nil, invalidBody("the CSV has no line with the names of columns")
	}
	names := records[0]
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = string(appendJSONString(nil, name))
	}
	b := []byte{'['}
	for i, rec := range records[1:] {
		if len(rec) != len(names) {
			return nil, invalidBody("All lines must have same number of fields")
		}
		if i > 0 {
			b = append(b, ',')
		}
		for j, v := range rec {
			b = append(append(append(b, "{,"[min(j, 1)]), quoted[j]...), ':')
			if v == "NULL" {
				b = append(b, "null"...)
			} else {
				b = appendJSONString(b, v)
			}
		}
		b = append(b, '}')
	}
	return append(b, ']'), nil
}

// eachField gives names and values of a form.
func eachField(body []byte, give func(name, value string)) error {
	for part := range strings.SplitSeq(string(body), "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, value = unescape(name), unescape(value)
		if !isText(name) || !isText(value) {
			return badText(name + value)
		}
		give(name, value)
	}
	return nil
}

// scanForm reads the arguments of a function, which are as those of a URL: what
// a repeated one means, depends on the function.
func (r *request) scanForm() error {
	return eachField(r.body, func(name, value string) {
		r.params = append(r.params, param{kind: paramForm, key: name, slot: r.addValue(value)})
	})
}

// formToJSON makes an object of a form; of two values of a name the last counts.
func formToJSON(body []byte) ([]byte, error) {
	var names []string
	values := map[string]string{}
	err := eachField(body, func(name, value string) {
		if _, ok := values[name]; !ok {
			names = append(names, name)
		}
		values[name] = value
	})
	if err != nil {
		return nil, err
	}
	b := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONString(append(appendJSONString(b, name), ':'), values[name])
	}
	return append(b, '}'), nil
}

// appendJSONString writes s as JSON; what is not UTF-8 in it becomes U+FFFD.
func appendJSONString(b []byte, s string) []byte {
	plain := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	if plain {
		return append(append(append(b, '"'), s...), '"')
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always has a word in JSON
	return append(b, bytes.TrimRight(out.Bytes(), "\n")...)
}
