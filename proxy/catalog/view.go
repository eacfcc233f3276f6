package catalog

import (
	"strconv"
	"strings"
)

// viewOrigins reads from a view's rewrite rule which column of which relation
// each column of the view shows unchanged. The rule is a dump of the parser's
// query: its target list has, for each column, the number, and the relation and
// column that it comes from (resorigtbl, resorigcol), zero for expressions.
//
// Only the outermost query counts. In a UNION its entries come from the first
// branch alone, so that none is taken.
func viewOrigins(action string) map[int16]source {
	list, ok := outerTargets(action)
	if !ok {
		return nil
	}
	origins := map[int16]source{}
	for entry := range nodes(list) {
		if !strings.HasPrefix(entry, "{TARGETENTRY") {
			continue
		}
		number := field(entry, ":resno ")
		relation := field(entry, ":resorigtbl ")
		column := field(entry, ":resorigcol ")
		if relation > 0 && column > 0 {
			origins[int16(number)] = source{uint32(relation), int16(column)}
		}
	}
	return origins
}

// outerTargets cuts the target list of the first query out of a rule.
func outerTargets(action string) (list string, ok bool) {
	depth, start := 0, -1
	for i := 0; i < len(action); i++ {
		switch action[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return "", false
			}
		case ':':
			if depth != 1 {
				continue
			}
			switch rest := action[i:]; {
			case strings.HasPrefix(rest, ":targetList "):
				start = i + len(":targetList ")
			case start >= 0:
				list, start = action[start:i], -2
			}
			if start == -2 && strings.HasPrefix(action[i:], ":setOperations ") {
				return list, strings.HasPrefix(action[i:], ":setOperations <>")
			}
		}
	}
	return "", false
}

// nodes gives the nodes {…} of a list, without looking into them.
func nodes(list string) func(func(string) bool) {
	return func(yield func(string) bool) {
		depth, start := 0, 0
		for i := 0; i < len(list); i++ {
			switch list[i] {
			case '\\':
				i++
			case '{':
				if depth == 0 {
					start = i
				}
				depth++
			case '}':
				if depth--; depth == 0 && !yield(list[start:i+1]) {
					return
				}
			}
		}
	}
}

// field reads a number that a node holds itself, not within a node of its own;
// 0 if there is none.
func field(node, name string) int64 {
	depth := 0
	for i := 0; i < len(node); i++ {
		switch node[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			depth--
		case ':':
			if depth == 1 && strings.HasPrefix(node[i:], name) {
				digits, _, _ := strings.Cut(strings.TrimRight(node[i+len(name):], "}"), " ")
				n, _ := strconv.ParseInt(digits, 10, 64)
				return n
			}
		}
	}
	return 0
}
