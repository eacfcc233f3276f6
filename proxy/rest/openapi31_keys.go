package rest

import "strings"

// keyCodes are those of what is wrong with the idempotency key of a write.
var keyCodes = []string{
	"idempotency_answer_too_large", "idempotency_in_progress", "idempotency_key_invalid", "idempotency_mismatch",
	"idempotency_not_installed", "idempotency_not_possible",
}

// keyAbout describes the header of keys, with what it may be refused for.
var keyAbout = func() string {
	var b strings.Builder
	b.WriteString("Names this write, so that it runs once although it is sent again: the answer is then that of the first time, " +
		"with Idempotency-Replayed: true. 1 to 256 printable ASCII characters, such as a UUID; in double quotes if there are " +
		"spaces, commas or semicolons among them.\n\n")
	tellCodes(&b, tableRows(keyCodes))
	return b.String()
}()

// keyHeader names the header for the key of a write to the path below the prefix; empty
// if that takes none.
func (d *document31) keyHeader(path string) string {
	if d.keys == nil {
		return ""
	}
	header := d.keys.Header(strings.TrimSuffix(d.cfg.Prefix, "/") + "/" + path)
	if header != "" {
		d.keyName = header
	}
	return header
}

// writing names the parameters of a write to the path below the prefix, after those of
// its own.
func (d *document31) writing(path string, own ...string) []string {
	own = append(own, "prefer.write")
	if d.keyHeader(path) != "" {
		own = append(own, keyParameter)
	}
	return own
}

// keyParameter is the component that describes the header of keys.
const keyParameter = "idempotency_key"
