package realtime

import (
	"encoding/json"
	"strings"
)

// A selection is a list of columns as one text, with which messages are told apart;
// empty is all. No name holds the zero character.
const selectionComma = "\x00"

func selectionOf(columns []string) string { return strings.Join(columns, selectionComma) }

// selectFields leaves of a row those that are selected, in the order of the selection.
func selectFields(row json.RawMessage, selection string) json.RawMessage {
	if selection == "" || row == nil {
		return row
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(row, &fields) != nil {
		return emptyObject
	}
	text := []byte{'{'}
	for name := range strings.SplitSeq(selection, selectionComma) {
		value, there := fields[name]
		if !there {
			continue
		}
		delete(fields, name) // named twice
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(append(text, quote(name)...), ':')
		text = append(text, value...)
	}
	return append(text, '}')
}

// selectColumns leaves of the list of columns those that are selected.
func selectColumns(columns json.RawMessage, selection string) json.RawMessage {
	if selection == "" {
		return columns
	}
	var list []struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	if json.Unmarshal(columns, &list) != nil {
		return columns
	}
	kept := list[:0]
	for _, c := range list {
		if strings.Contains(selectionComma+selection+selectionComma, selectionComma+c.Name+selectionComma) {
			kept = append(kept, c)
		}
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return columns
	}
	return text
}
