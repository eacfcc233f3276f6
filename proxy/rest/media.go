package rest

import (
	"slices"
	"strconv"
	"strings"
)

// media is what an answer looks like.
type media uint8

const (
	mediaNone media = iota // nothing that we can make
	mediaJSON
	mediaCSV
	mediaGeoJSON
	mediaSingle
	mediaSingleStripped
	mediaArrayStripped
	mediaForm
	mediaText
	mediaXML
	mediaBytes
)

// contentTypes are the Content-Type of answers.
var contentTypes = [...]string{
	mediaJSON:           "application/json; charset=utf-8",
	mediaCSV:            "text/csv; charset=utf-8",
	mediaGeoJSON:        "application/geo+json; charset=utf-8",
	mediaSingle:         "application/vnd.pgrst.object+json; charset=utf-8",
	mediaSingleStripped: "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8",
	mediaArrayStripped:  "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8",
	mediaBytes:          "",
}

func (m media) single() bool { return m == mediaSingle || m == mediaSingleStripped }

// accept chooses the first acceptable media type that an answer can have; what
// is given when there is none are the types that were asked for.
func accept(header string) (media, []string) {
	switch header { // nearly all requests
	case "", "*/*", "application/json", "application/json, text/plain, */*":
		return mediaJSON, nil
	case "application/vnd.pgrst.object+json":
		return mediaSingle, nil
	}
	wanted := byQuality(header)
	for _, w := range wanted {
		if m := produced(decodeMedia(w)); m != mediaNone {
			return m, nil
		}
	}
	return mediaNone, wanted
}

func produced(m media) media {
	switch m {
	case mediaJSON, mediaCSV, mediaGeoJSON, mediaSingle, mediaSingleStripped, mediaArrayStripped:
		return m
	}
	return mediaNone
}

// byQuality sorts the types of an Accept header: by q, then as they came
// (RFC 9110, 12.5.1).
func byQuality(header string) []string {
	type choice struct {
		name string
		q    float64
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
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b choice) int {
		switch {
		case a.q > b.q:
			return -1
		case a.q < b.q:
			return 1
		}
		return 0
	})
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = c.name
	}
	return names
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

// decodeMedia reads one media type; of parameters only nulls= matters.
func decodeMedia(s string) media {
	parts := splitQuoted(s, ';')
	stripped := false
	for _, p := range parts[1:] {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(strings.TrimSpace(key), "nulls") && strings.Trim(value, `" `) == "stripped" {
			stripped = true
		}
	}
	switch strings.ToLower(strings.TrimSpace(parts[0])) {
	case "application/json", "*/*", "application/*":
		return mediaJSON
	case "text/csv":
		return mediaCSV
	case "application/geo+json":
		return mediaGeoJSON
	case "application/vnd.pgrst.object+json", "application/vnd.pgrst.object":
		if stripped {
			return mediaSingleStripped
		}
		return mediaSingle
	case "application/vnd.pgrst.array+json", "application/vnd.pgrst.array":
		if stripped {
			return mediaArrayStripped
		}
		return mediaJSON
	case "application/x-www-form-urlencoded":
		return mediaForm
	case "text/plain":
		return mediaText
	case "text/xml":
		return mediaXML
	case "application/octet-stream":
		return mediaBytes
	}
	return mediaNone
}
