// Package webhook signs requests to the servers of others as Standard Webhooks 1.0 say, and
// keeps the secrets for that.
package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fluxbase/fluxbase/proxy/seal"
)

// Secret is a row of a table of secrets.
type Secret struct {
	ID     string `json:"id"`
	Sealed string `json:"sealed"`
}

// Table names the table, whose column is sealed.
type Table string

func (t Table) place(id string) seal.Place {
	return seal.Place{Table: string(t), Column: "sealed", ID: id}
}

// Prefix begins a secret as people hold it: v1, tells HMAC-SHA256.
const Prefix = "v1,whsec_"

// New makes a secret for the row of an id: as the receiver is told it, and sealed.
func (t Table) New(keys *seal.Keys, id string) (text, sealed string) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return Prefix + base64.StdEncoding.EncodeToString(key), keys.Seal(key, t.place(id))
}

// Seal seals a secret that the receiver has already.
func (t Table) Seal(keys *seal.Keys, id, text string) (sealed string, err error) {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "v1,"), "whsec_")
	key, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(key) < 24 || len(key) > 64 {
		return "", errors.New("a secret is v1,whsec_ and 24 to 64 bytes as base64")
	}
	return keys.Seal(key, t.place(id)), nil
}

// Open gives the keys of secrets, in their order.
func (t Table) Open(keys *seal.Keys, sealed []Secret) (list [][]byte, err error) {
	for _, s := range sealed {
		key, err := keys.Open(s.Sealed, t.place(s.ID))
		if err != nil {
			return nil, err
		}
		list = append(list, key)
	}
	return list, nil
}

// Sign sets the headers of a message: one signature for each key, with blanks between them.
func Sign(h http.Header, keys [][]byte, id string, at time.Time, body []byte) {
	seconds := strconv.FormatInt(at.Unix(), 10)
	list := make([]string, len(keys))
	for i, key := range keys {
		mac := hmac.New(sha256.New, key)
		fmt.Fprint(mac, id, ".", seconds, ".")
		mac.Write(body)
		list[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", seconds)
	h.Set("Webhook-Signature", strings.Join(list, " "))
}
