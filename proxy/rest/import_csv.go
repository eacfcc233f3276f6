package rest

import (
	"bufio"
	"bytes"
	"io"
	"slices"
	"unicode/utf8"
)

// csvRows are records of CSV (RFC 4180) behind one with the names of the columns.
//
// Bodies of PostgREST's meaning are read as encoding/csv does: NULL is null, empty
// lines say nothing, and each line ends with one character. As COPY means them, null
// is what is empty without quotes, and text stays as it is.
type csvRows struct {
	lines  lineReader
	asCopy bool
	names  []string
	places []int // of the columns that are asked for; -1: there is none
	// text holds the fields of the record without quotes and escapes.
	text   []byte
	fields []csvField
}

type csvField struct {
	start, end int
	quoted     bool
}

var errCSV = invalidBody("the CSV does not parse")

func newCSVRows(rd io.Reader, asCopy bool) *csvRows {
	return &csvRows{lines: lineReader{rd: bufio.NewReaderSize(rd, 64<<10)}, asCopy: asCopy}
}

// header reads the names, and gives each once.
func (c *csvRows) header() ([]string, error) {
	if mark, _ := c.lines.rd.Peek(3); c.asCopy && string(mark) == "\ufeff" {
		_, _ = c.lines.rd.Discard(3)
	}
	_, err := c.read()
	if err == io.EOF {
		return nil, invalidBody("the CSV has no line with the names of columns")
	}
	if err != nil {
		return nil, err
	}
	for _, f := range c.fields {
		c.names = append(c.names, string(c.text[f.start:f.end]))
	}
	keys := slices.Clone(c.names)
	seen := map[string]bool{}
	return slices.DeleteFunc(keys, func(k string) bool {
		again := seen[k]
		seen[k] = true
		return again
	}), nil
}

func (c *csvRows) columns(names []string, _ bool) {
	for _, name := range names {
		place := -1
		for i, n := range c.names { // of two the last counts
			if n == name {
				place = i
			}
		}
		c.places = append(c.places, place)
	}
}

func (c *csvRows) next() (int64, error) {
	line, err := c.read()
	if err == nil && len(c.fields) != len(c.names) {
		err = atLine{line: line, error: invalidBody("All lines must have same number of fields")}
	}
	return line, err
}

func (c *csvRows) value(n int) ([]byte, valueKind) {
	place := c.places[n]
	if place < 0 {
		return nil, rowMissing
	}
	f := c.fields[place]
	v := c.text[f.start:f.end]
	switch {
	case c.asCopy && len(v) == 0 && !f.quoted, !c.asCopy && string(v) == "NULL":
		return nil, rowNull
	case c.asCopy:
		return v, rowInput
	}
	return v, rowText
}

// read reads a record and tells the line on which it begins.
func (c *csvRows) read() (int64, error) {
	line, err := c.physical(maxLine)
	// Of one column, an empty line is a NULL to COPY.
	for err == nil && !(c.asCopy && len(c.names) == 1) && c.ending(line) == len(line) {
		line, err = c.physical(maxLine)
	}
	begin := c.lines.line
	if err != nil {
		return begin, err
	}
	c.text, c.fields = c.text[:0], c.fields[:0]
	for {
		start := len(c.text)
		if len(line) == 0 || line[0] != '"' {
			end := bytes.IndexByte(line, ',')
			last := end < 0
			if last {
				end = len(line) - c.ending(line)
			}
			if bytes.IndexByte(line[:end], '"') >= 0 {
				return begin, atLine{line: c.lines.line, error: errCSV}
			}
			c.text = append(c.text, line[:end]...)
			c.fields = append(c.fields, csvField{start: start, end: len(c.text)})
			if last {
				return begin, nil
			}
			line = line[end+1:]
			continue
		}
		if line, err = c.quoted(line[1:]); err != nil {
			return begin, err
		}
		c.fields = append(c.fields, csvField{start, len(c.text), true})
		if c.ending(line) == len(line) {
			return begin, nil
		}
		line = line[1:] // the comma
	}
}

// quoted reads a field up to its closing quote, over as many lines as it has, and
// gives what follows: a comma or the end of the record.
func (c *csvRows) quoted(line []byte) ([]byte, error) {
	for {
		i := bytes.IndexByte(line, '"')
		if i < 0 {
			c.text = append(c.text, line...)
			var err error
			if line, err = c.physical(maxLine - len(c.text)); err == io.EOF {
				err = atLine{line: c.lines.line, error: errCSV}
			}
			if err != nil {
				return nil, err
			}
			continue
		}
		c.text = append(c.text, line[:i]...)
		line = line[i+1:]
		switch {
		case len(line) > 0 && line[0] == '"':
			c.text = append(c.text, '"')
			line = line[1:]
		case c.ending(line) == len(line), line[0] == ',':
			return line, nil
		default:
			return nil, atLine{line: c.lines.line, error: errCSV}
		}
	}
}

// physical reads a line of the file.
func (c *csvRows) physical(max int) ([]byte, error) {
	line, err := c.lines.read(max)
	if err != nil {
		return nil, err
	}
	if bytes.IndexByte(line, 0) >= 0 || !utf8.Valid(line) {
		return nil, atLine{line: c.lines.line, error: badText(string(line))}
	}
	if n := len(line); !c.asCopy && line[n-1] == '\r' { // the end of all
		line = line[:n-1]
	} else if !c.asCopy && n > 1 && line[n-2] == '\r' && line[n-1] == '\n' {
		line[n-2], line = '\n', line[:n-1]
	}
	return line, nil
}

// ending is the length of the end of a line.
func (c *csvRows) ending(line []byte) int {
	n := len(line)
	switch {
	case c.asCopy && n > 1 && line[n-1] == '\n' && line[n-2] == '\r':
		return 2
	case n > 0 && (line[n-1] == '\n' || c.asCopy && line[n-1] == '\r'):
		return 1
	}
	return 0
}
