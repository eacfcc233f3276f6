package web

import "bytes"

// maxJSONDepth is how deep arrays and objects may nest in a body.
const maxJSONDepth = 64

// JSONDepth follows JSON that comes in parts, and finds out how deep it nests without
// parsing it. Of what is no JSON it may say anything: whoever reads that finds out.
type JSONDepth struct {
	depth   int
	inside  bool // of a string
	escaped bool // the next byte stands for itself
	deeper  bool
}

// brackets are the bytes that mean something outside of strings.
var brackets = [256]bool{'"': true, '[': true, ']': true, '{': true, '}': true}

// Deeper takes the next part and tells whether there were more than 64 levels in all
// that came.
func (d *JSONDepth) Deeper(p []byte) bool {
	if d.escaped && len(p) > 0 {
		p, d.escaped = p[1:], false
	}
	quote := -1 // the next one in p; one is looked for once only
	for i := 0; i < len(p); {
		if d.inside {
			if quote < i {
				if quote = bytes.IndexByte(p[i:], '"'); quote < 0 {
					quote = len(p)
				} else {
					quote += i
				}
			}
			if j := bytes.IndexByte(p[i:quote], '\\'); j >= 0 {
				i += j + 2
				d.escaped = i > len(p)
				continue
			}
			d.inside = quote == len(p)
			i = quote + 1
			continue
		}
		c := p[i]
		i++
		if !brackets[c] {
			continue
		}
		switch c {
		case '"':
			d.inside = true
		case '[', '{':
			d.depth++
			d.deeper = d.deeper || d.depth > maxJSONDepth
		default:
			d.depth--
		}
	}
	return d.deeper
}
