package rest

import (
	"bufio"
	"io"
	"slices"
)

// jsonRows are objects of JSON, one a line. Empty lines say nothing.
type jsonRows struct {
	lines lineReader
	s     jsonScanner
	free  bool
	ahead bool // a row was read that next has not given yet
}

func newJSONRows(rd io.Reader) *jsonRows {
	return &jsonRows{lines: lineReader{rd: bufio.NewReaderSize(rd, 64<<10)}}
}

// first reads the first row, whose keys all others must have; none if there is none.
func (j *jsonRows) first() ([]string, error) {
	err := j.read()
	if err == io.EOF {
		return nil, nil
	}
	j.ahead = err == nil
	return slices.Clone(j.s.shape.keys), err
}

func (j *jsonRows) columns(names []string, free bool) {
	j.free = free
	if !free {
		return // the keys are those of the first row
	}
	j.s.shape.keys, j.s.rows = names, 1
	j.s.met, j.s.shape.values = make([]bool, len(names)), make([]jsonValue, len(names))
}

func (j *jsonRows) next() (int64, error) {
	if j.ahead {
		j.ahead = false
		return j.lines.line, nil
	}
	err := j.read()
	return j.lines.line, err
}

// read scans the next line that is not empty.
func (j *jsonRows) read() error {
	s := &j.s
	for {
		b, err := j.lines.read(maxLine)
		if err != nil {
			return err
		}
		s.b, s.i, s.nested = b, 0, 0
		s.failed, s.deep, s.bad, s.shape.ragged = false, false, nil, false
		if s.space(); s.i < len(b) {
			break
		}
	}
	if s.peek() == '{' {
		s.object(1, true)
	} else {
		s.fail()
	}
	s.space()
	var err error
	switch {
	case s.deep:
		err = errJSONDepth
	case s.bad != nil:
		err = s.bad
	case s.failed || s.i != len(s.b):
		err = errJSON
	case s.shape.ragged && !j.free:
		err = errKeys
	default:
		return nil
	}
	return atLine{line: j.lines.line, error: err}
}

func (j *jsonRows) value(n int) ([]byte, valueKind) {
	if !j.s.met[n] {
		return nil, rowMissing
	}
	at := j.s.shape.values[n]
	v := j.s.b[at.start:at.end]
	if string(v) == "null" {
		return nil, rowNull
	}
	return v, rowJSON
}
