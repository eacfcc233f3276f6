// Package seal keeps secrets that have to be read again: AES-256-GCM under the keys of
// FLUXBASE_ENCRYPTION_KEY, so that a copy of the database holds none of them. It knows
// nothing of the database; columns.go names where sealed values are.
//
// A sealed value is a text of four parts, fbs1.ID.DATA: the version of the form, the id
// of the key, and base64url of nonce, ciphertext and tag. It opens only at its place (table,
// column and row), so that who can write the database can't give one row the secret of
// another. There is no way back to plaintext: what does not open is an error.
package seal
