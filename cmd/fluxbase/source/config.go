package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// settings are what supabase/config.toml says of a function.
type settings struct {
	verifyJWT, enabled    *bool
	entrypoint, importMap string
	static                []string
}

// readConfig reads the tables [functions.NAME] of a config.toml, and none other. One that is
// not there says nothing. A line in such a table that is of a form which this does not know is
// an error: what it says may be that a function is not for everyone.
func readConfig(path string) (map[string]*settings, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[string]*settings{}
	var into *settings
	lines := logicalLines(string(content))
	for _, l := range lines {
		fail := func(why string) error { return fmt.Errorf("%s:%d: %s", path, l.number, why) }
		if strings.HasPrefix(l.text, "[") {
			name, of, err := tableName(l.text)
			if err != nil {
				return nil, fail(err.Error())
			}
			into = nil
			if of {
				into = &settings{}
				if all[name] != nil {
					return nil, fail("[functions." + name + "] is there twice")
				}
				all[name] = into
			}
			continue
		}
		key, value, ok := strings.Cut(l.text, "=")
		if key = strings.TrimSpace(key); !ok {
			if into != nil {
				return nil, fail("this is not KEY = VALUE")
			}
			continue
		}
		if into == nil {
			if l.table == "" && (key == "functions" || strings.HasPrefix(key, "functions.")) || l.table == "functions" {
				return nil, fail("give each function a table of its own: [functions.NAME]")
			}
			continue
		}
		if err := into.set(key, strings.TrimSpace(value)); err != nil {
			return nil, fail(err.Error())
		}
	}
	return all, nil
}

func (s *settings) set(key, value string) (err error) {
	switch key {
	case "verify_jwt", "enabled":
		if value != "true" && value != "false" {
			return fmt.Errorf("%s is true or false", key)
		}
		is := value == "true"
		if key == "enabled" {
			s.enabled = &is
		} else {
			s.verifyJWT = &is
		}
	case "entrypoint":
		s.entrypoint, err = tomlString(value)
	case "import_map":
		s.importMap, err = tomlString(value)
	case "static_files":
		if !strings.HasPrefix(value, "[") || !strings.HasSuffix(value, "]") {
			return errors.New("static_files is a list of strings")
		}
		for item := range strings.SplitSeq(strings.Trim(value, "[]"), ",") {
			if item = strings.TrimSpace(item); item == "" {
				continue
			}
			pattern, err := tomlString(item)
			if err != nil {
				return err
			}
			s.static = append(s.static, pattern)
		}
	}
	return err
}

// line is a line of TOML without its comment; one of a list that goes on over several.
type line struct {
	number int
	text   string
	table  string // of which table it is, as it stands there
}

// logicalLines drops comments and strings of several lines, and joins lists.
func logicalLines(content string) (lines []line) {
	long, table, open := "", "", false
	for i, text := range strings.Split(content, "\n") {
		if long != "" { // within a string of several lines
			if _, _, ends := strings.Cut(text, long); ends {
				long = ""
			}
			continue
		}
		text = uncomment(text)
		for _, quotes := range []string{`"""`, `'''`} {
			if strings.Count(text, quotes) == 1 {
				long = quotes
			}
		}
		switch {
		case text == "":
			continue
		case open:
			last := &lines[len(lines)-1]
			last.text += " " + text
			open = !strings.HasSuffix(text, "]")
			continue
		case strings.HasPrefix(text, "["):
			table = strings.TrimSpace(strings.Trim(text, "[]"))
		default:
			_, value, _ := strings.Cut(text, "=")
			value = strings.TrimSpace(value)
			open = strings.HasPrefix(value, "[") && !strings.HasSuffix(value, "]")
		}
		lines = append(lines, line{number: i + 1, text: text, table: table})
	}
	return lines
}

// uncomment drops what is behind a # that is in no string, and spaces.
func uncomment(text string) string {
	var quote byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote == '"' && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && c == '#':
			return strings.TrimSpace(text[:i])
		}
	}
	return strings.TrimSpace(text)
}

// tableName gives NAME of [functions.NAME], and whether it is such a table.
func tableName(header string) (name string, of bool, err error) {
	inner := strings.TrimSuffix(strings.TrimPrefix(header, "["), "]")
	first, rest, dotted := strings.Cut(inner, ".")
	if strings.TrimSpace(first) != "functions" || !dotted {
		return "", false, nil
	}
	if name = strings.TrimSpace(rest); strings.HasPrefix(name, `"`) || strings.HasPrefix(name, "'") {
		name, err = tomlString(name)
	}
	if own, _, inner := strings.Cut(name, "."); inner && isName(own) {
		return "", false, nil // of something of it
	}
	if err != nil || !isName(name) {
		return "", false, fmt.Errorf("%s is no table of a function", header)
	}
	return name, true, nil
}

// tomlString reads a string of one line.
func tomlString(value string) (string, error) {
	if n := len(value); n >= 2 && value[0] == '\'' && value[n-1] == '\'' && !strings.Contains(value[1:n-1], "'") {
		return value[1 : n-1], nil
	}
	if strings.HasPrefix(value, `"`) {
		if read, err := strconv.Unquote(value); err == nil {
			return read, nil
		}
	}
	return "", fmt.Errorf("%s is no string", value)
}

// isName tells whether a function may have a name, as functions.deploy has it.
func isName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || i > 0 && (c == '_' || c == '-')) {
			return false
		}
	}
	return len(name) >= 1 && len(name) <= 63
}
