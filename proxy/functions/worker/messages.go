package worker

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// What a worker says is lines. Those of boot.js begin with mark: a letter, the invocation, and
// more. All others, and all of stderr, are lines of the log. A function can write both kinds,
// so that a message may be wrong, or a lie; it can do no more than spoil its own worker's log.
const mark = 0x01

// Letters of messages.
const (
	isListening = 'r' // the socket is there
	isLoaded    = 'o' // the code was imported and serves
	isBroken    = 'x' // the code could not be: why
	isAlive     = 'a' // the event loop turns
	hasBegun    = 'b' // the handler of an invocation was called
	goesOn      = 'w' // waitUntil was called
	isDone      = 'd' // what it was given is over
	says        = 'l' // a line of the log: a letter for the level, then the text
	progresses  = 'p' // JSON
)

const (
	// maxLine is what is kept of a line of the log, in bytes.
	maxLine = 64 << 10
	// maxRaw is twice as much, as escapes may need, and some for the head.
	maxRaw = 2*maxLine + 256
	maxID  = 64
)

var levels = map[byte]string{'d': "debug", 'i': "info", 'w': "warn", 'e': "error"}

type message struct {
	kind  byte
	id    string
	level string // of says
	text  string
	cut   bool // the text was longer
}

// parse reads one line, without its end. cut says that there was more of it. ok is false for
// what is to be ignored.
func parse(line []byte, cut bool) (m message, ok bool) {
	if len(line) == 0 {
		return m, false
	}
	if line[0] != mark {
		return message{kind: says, level: "info", text: clip(string(line), &cut), cut: cut}, true
	}
	if len(line) < 2 || len(line) > 2 && line[2] != ' ' {
		return m, false
	}
	m.kind = line[1]
	id, rest, _ := bytes.Cut(line[min(3, len(line)):], []byte(" "))
	if len(id) > maxID {
		return m, false
	}
	m.id = string(id)
	switch m.kind {
	case isListening, isLoaded, isAlive, hasBegun, goesOn, isDone:
		return m, len(rest) == 0
	case says:
		if len(rest) < 2 || rest[1] != ' ' || levels[rest[0]] == "" {
			return m, false
		}
		m.level, rest = levels[rest[0]], rest[2:]
	case progresses:
		if cut {
			return m, false
		}
	case isBroken:
	default:
		return m, false
	}
	m.text = clip(unescape(rest), &cut)
	m.cut = cut
	return m, true
}

// unescape undoes what boot.js does to backslashes and ends of lines.
func unescape(text []byte) string {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text)
	}
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			if i++; text[i] == 'n' {
				b.WriteByte('\n')
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// clip makes text of what may be bytes, no longer than a line may be.
func clip(text string, cut *bool) string {
	if len(text) > maxLine {
		text, *cut = text[:maxLine], true
		for len(text) > 0 && !utf8.RuneStart(text[len(text)-1]) {
			text = text[:len(text)-1]
		}
		if r, size := utf8.DecodeLastRuneInString(text); r == utf8.RuneError && size == 1 {
			text = text[:len(text)-1]
		}
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// lines splits what is written to it, and gives on no more of each line than maxRaw.
type lines struct {
	each func(line []byte, cut bool)
	part []byte
	cut  bool
}

func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, rest, found := bytes.Cut(p, []byte{'\n'})
		if !found {
			l.keep(line)
			return n, nil
		}
		if len(l.part) == 0 && !l.cut && len(line) <= maxRaw {
			l.each(line, false)
		} else {
			l.keep(line)
			l.flush()
		}
		p = rest
	}
}

func (l *lines) keep(part []byte) {
	room := maxRaw - len(l.part)
	if len(part) > room {
		part, l.cut = part[:room], true
	}
	l.part = append(l.part, part...)
}

// flush gives on what there is of a line that has no end yet.
func (l *lines) flush() {
	if len(l.part) > 0 {
		l.each(l.part, l.cut)
	}
	if cap(l.part) > 4<<10 {
		l.part = nil
	}
	l.part, l.cut = l.part[:0], false
}
