package rest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// media is what an answer looks like.
type media uint8

const (
	mediaOther media = iota // none that we know by ourselves
	mediaAny
	mediaJSON
	mediaCSV
	mediaGeoJSON
	mediaOpenAPI
	mediaSingle
	mediaSingleStripped
	mediaArrayStripped
	mediaPlan
	mediaForm
	mediaText
	mediaXML
	mediaBytes
)

// mimes are the names of the types without parameters of their own.
var mimes = [...]string{
	mediaAny:            "*/*",
	mediaJSON:           "application/json",
	mediaCSV:            "text/csv",
	mediaGeoJSON:        "application/geo+json",
	mediaOpenAPI:        "application/openapi+json",
	mediaSingle:         "application/vnd.pgrst.object+json",
	mediaSingleStripped: "application/vnd.pgrst.object+json;nulls=stripped",
	mediaArrayStripped:  "application/vnd.pgrst.array+json;nulls=stripped",
	mediaForm:           "application/x-www-form-urlencoded",
	mediaText:           "text/plain",
	mediaXML:            "text/xml",
	mediaBytes:          "application/octet-stream",
}

func (m media) single() bool { return m == mediaSingle || m == mediaSingleStripped }

// mediaType is one media type of a header.
type mediaType struct {
	kind media
	// other is a type that we don't know, as it was written.
	other string
	// plan is there for mediaPlan.
	plan *planFormat
	// stream tells ;stream=true.
	stream bool
}

// planFormat is how the plan of a statement is shown, instead of its rows.
type planFormat struct {
	json    bool
	of      mediaType // which the statement is for
	options []string
}

var planOptions = []string{"analyze", "verbose", "settings", "buffers", "wal"}

// mime is the type as errors and Content-Type name it.
func (m mediaType) mime() string {
	switch m.kind {
	case mediaOther:
		return m.other
	case mediaPlan:
		s := "application/vnd.pgrst.plan+" + [...]string{"text", "json"}[b2i(m.plan.json)] + `; for="` + m.plan.of.mime() + `"`
		if len(m.plan.options) > 0 {
			s += "; options=" + strings.Join(m.plan.options, "|")
		}
		return s
	}
	return mimes[m.kind]
}

// contentType is the header of an answer: what a type of others is encoded in,
// we don't know.
func (m mediaType) contentType() string {
	if m.kind == mediaOther || m.kind == mediaBytes {
		return m.mime()
	}
	return m.mime() + "; charset=utf-8"
}

// acceptKey is an Accept header as the shape of a request has it: the ones that
// nearly all requests have, and that mean the same, are one.
func acceptKey(header []string) string {
	switch s := strings.Join(header, ","); s {
	case "":
		return "*/*"
	case "application/json, text/plain, */*":
		return "application/json"
	default:
		return s
	}
}

// acceptable reads an Accept header: by quality, then the more special first,
// which are those with more parameters and fewer stars, then as they came
// (RFC 9110, 12.5.1).
func acceptable(header string) []mediaType {
	type choice struct {
		name    string
		q       float64
		special int
	}
	var list []choice
	for _, part := range splitQuoted(header, ',') {
		c := choice{q: 1}
		for i, p := range splitQuoted(part, ';') {
			p = strings.TrimSpace(p)
			if key, value, ok := strings.Cut(p, "="); i > 0 && ok && strings.TrimSpace(key) == "q" {
				if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
					c.q = q
				}
				continue
			}
			if i > 0 {
				c.name += ";"
			}
			c.name += p
		}
		if c.name != "" && c.q > 0 {
			c.special = strings.Count(c.name, ";") - strings.Count(c.name, "*")
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b choice) int {
		return cmp.Or(cmp.Compare(b.q, a.q), cmp.Compare(b.special, a.special))
	})
	types := make([]mediaType, len(list))
	for i, c := range list {
		types[i] = decodeMedia(c.name)
	}
	return types
}

// splitQuoted splits at sep, but not within double quotes.
func splitQuoted(s string, sep byte) []string {
	var parts []string
	quoted, start := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// decodeMedia reads one media type; parameters matter to our own types only.
func decodeMedia(s string) mediaType {
	parts := splitQuoted(s, ';')
	name := strings.ToLower(strings.TrimSpace(parts[0]))
	switch name {
	case "application/vnd.pgrst.plan", "application/vnd.pgrst.plan+text", "application/vnd.pgrst.plan+json":
		return mediaType{kind: mediaPlan, plan: decodePlan(parts[1:], strings.HasSuffix(name, "+json"))}
	case "application/vnd.pgrst.object+json", "application/vnd.pgrst.object":
		if mediaParam(parts[1:], "nulls") == "stripped" {
			return mediaType{kind: mediaSingleStripped}
		}
		return mediaType{kind: mediaSingle}
	case "application/vnd.pgrst.array+json", "application/vnd.pgrst.array":
		if mediaParam(parts[1:], "nulls") == "stripped" {
			return mediaType{kind: mediaArrayStripped}
		}
		return mediaType{kind: mediaJSON}
	}
	if i := slices.Index(mimes[1:], name); i >= 0 && name != "" {
		return mediaType{kind: media(i + 1), stream: mediaParam(parts[1:], "stream") == "true"}
	}
	return mediaType{other: s}
}

func decodePlan(params []string, json bool) *planFormat {
	f := &planFormat{json: json, of: mediaType{kind: mediaJSON}}
	if of := mediaParam(params, "for"); of != "" {
		f.of = decodeMedia(of)
	}
	asked := strings.Split(mediaParam(params, "options"), "|")
	for _, o := range planOptions {
		if slices.Contains(asked, o) {
			f.options = append(f.options, o)
		}
	}
	return f
}

// mediaParam finds the value of a parameter; empty if there is none.
func mediaParam(params []string, name string) string {
	for _, p := range params {
		key, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.Trim(value, `" `)
		}
	}
	return ""
}
