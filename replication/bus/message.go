package bus

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// prefix begins the prefixes of all messages of ours.
const prefix = "fluxbase."

// keys are the secrets of fluxbase.message_keys, by id.
type keys map[int][]byte

// Why a message is refused; labels of a metric.
var (
	errMalformed  = errors.New("malformed")
	errForged     = errors.New("forged")
	errReplayed   = errors.New("replayed")
	errUnknownKey = errors.New("unknown_key")
)

// data returns what a verified message says.
func data(e *changes.Event) []byte {
	_, rest, _ := bytes.Cut(e.Content, []byte(" "))
	_, body, _ := bytes.Cut(rest, []byte(" "))
	var m struct{ Data json.RawMessage }
	_ = json.Unmarshal(body, &m) // verify has read it
	return m.Data
}

// verify says what is wrong with a message, unless fluxbase.emit made it in the
// transaction xid.
func (k keys) verify(e *changes.Event, xid uint32) error {
	mac, rest, _ := bytes.Cut(e.Content, []byte(" "))
	id, body, ok := bytes.Cut(rest, []byte(" "))
	sum := make([]byte, sha256.Size)
	number, errID := strconv.Atoi(string(id))
	if len(mac) != hex.EncodedLen(len(sum)) || !ok || errID != nil {
		return errMalformed
	}
	if _, err := hex.Decode(sum, mac); err != nil {
		return errMalformed
	}
	key, ok := k[number]
	if !ok {
		return errUnknownKey
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(e.Prefix))
	h.Write([]byte("\n"))
	h.Write(body)
	if !hmac.Equal(sum, h.Sum(nil)) {
		return errForged
	}
	var m struct {
		XID uint64 `json:"xid,string"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return errMalformed
	}
	// A message outside of transactions has no id; fluxbase.emit makes none.
	if xid == 0 || uint32(m.XID) != xid {
		return errReplayed
	}
	return nil
}
