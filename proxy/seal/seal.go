package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// version begins every sealed value.
const version = "fbs1"

// Keys seal and open. They never change and are safe for many goroutines at once.
type Keys struct {
	list []*key // the first seals
	byID map[string]*key
}

type key struct {
	// id is what new values name; values from before the key had a name go by own.
	id, own string
	master  []byte
	aead    cipher.AEAD
}

// Place is where a sealed value belongs, and the only place where it opens.
type Place struct {
	// Table with its schema, auth.signing_keys, and Column.
	Table, Column string
	// ID of the row, as Postgres writes it as text.
	ID string
}

// Errors of Open. The texts hold nothing of a value.
var (
	// ErrNotSealed is a text of another form, such as a secret in plaintext.
	ErrNotSealed = errors.New("it is not sealed")
	// ErrUnknownKey is a value of a key that FLUXBASE_ENCRYPTION_KEY has not.
	ErrUnknownKey = errors.New("FLUXBASE_ENCRYPTION_KEY does not hold the key that it was sealed with")
	// ErrBroken is a value that was changed or moved, or whose key is another one of the
	// same name.
	ErrBroken = errors.New("it does not open: it was changed, belongs to another row, or its key is another one of the same name")
)

func newKey(name string, master []byte) (*key, error) {
	block, err := aes.NewCipher(derive(master, "seal"))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	k := &key{id: name, own: idOf(master), master: master, aead: aead}
	if name == "" {
		k.id = k.own
	}
	return k, nil
}

// add refuses what would leave open which key is meant.
func (k *Keys) add(made *key) error {
	if k.byID[made.own] != nil {
		return errors.New("is there twice")
	}
	if k.byID[made.id] != nil {
		return fmt.Errorf("has the name %s, as another one", made.id)
	}
	k.list = append(k.list, made)
	k.byID[made.id], k.byID[made.own] = made, made
	return nil
}

// Seal encrypts a secret for its place, under the first key.
func (k *Keys) Seal(secret []byte, at Place) string {
	first := k.list[0]
	data := first.aead.Seal(nil, nil, secret, at.bind(first.id))
	return version + "." + first.id + "." + base64.RawURLEncoding.EncodeToString(data)
}

// Open gives back what was sealed for a place. Its errors wrap one of those above.
func (k *Keys) Open(sealed string, at Place) ([]byte, error) {
	id, data, err := parse(sealed)
	if err != nil {
		return nil, at.wrap(err)
	}
	with := k.byID[id]
	if with == nil {
		return nil, at.wrap(fmt.Errorf("%w (%s)", ErrUnknownKey, id))
	}
	secret, err := with.aead.Open(nil, nil, data, at.bind(id))
	if err != nil {
		return nil, at.wrap(ErrBroken)
	}
	return secret, nil
}

// NeedsReseal tells a value that another key than the first has sealed.
func (k *Keys) NeedsReseal(sealed string) bool {
	id, _, err := parse(sealed)
	return err == nil && id != k.list[0].id
}

// Sealed tells whether a text has the form of a sealed value.
func Sealed(text string) bool {
	_, _, err := parse(text)
	return err == nil
}

// ID names the first key, under which Derive derives.
func (k *Keys) ID() string { return k.list[0].id }

// Derive gives 32 bytes for one purpose, under the first key: always the same ones, and
// nobody can tell them who has not the key (HKDF, RFC 5869).
func (k *Keys) Derive(purpose string) []byte { return k.list[0].derive(purpose) }

// DeriveFrom does so under the key of an id, for what was made before keys changed; false
// if there is no such key any more.
func (k *Keys) DeriveFrom(id, purpose string) ([]byte, bool) {
	from := k.byID[id]
	if from == nil {
		return nil, false
	}
	return from.derive(purpose), true
}

// DeriveAll does so under each key: what was made may be of any while keys change.
func (k *Keys) DeriveAll(purpose string) [][]byte {
	out := make([][]byte, len(k.list))
	for i, one := range k.list {
		out[i] = one.derive(purpose)
	}
	return out
}

func (k *key) derive(purpose string) []byte { return derive(k.master, "derive "+purpose) }

// parse takes a sealed value apart.
func parse(sealed string) (id string, data []byte, err error) {
	form, rest, _ := strings.Cut(sealed, ".")
	id, code, ok := strings.Cut(rest, ".")
	if form != version || !ok || !validID(id) || strings.ContainsAny(code, "\r\n") {
		return "", nil, ErrNotSealed
	}
	if data, err = base64.RawURLEncoding.Strict().DecodeString(code); err != nil {
		return "", nil, ErrNotSealed
	}
	return id, data, nil
}

// bind makes the additional data of a value: each part behind its length, so that no two
// places give the same.
func (at Place) bind(id string) []byte {
	var out []byte
	for _, part := range []string{version, id, at.Table, at.Column, at.ID} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	return out
}

func (at Place) wrap(err error) error {
	return fmt.Errorf("open %s.%s of %s: %w", at.Table, at.Column, at.ID, err)
}
