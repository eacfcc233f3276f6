package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/seal"
)

// openSecret gives the secret of a factor. One that does not open is an error, never a
// factor without a secret; one in plaintext, of an import, is sealed first.
func (h *Handler) openSecret(c *call, factor, stored string) (string, error) {
	secret, err := h.Seals.Open(stored, secretOf(factor))
	if errors.Is(err, seal.ErrNotSealed) && stored != "" {
		return stored, h.sealSecret(c.r.Context(), factor, stored)
	}
	return string(secret), err
}

// sealSecret puts the sealed form of a secret in its place.
func (h *Handler) sealSecret(ctx context.Context, factor, secret string) error {
	res, err := h.DB.Do(ctx, &pg.Tx{Caller: pg.Caller{Role: serviceRole}, Mode: pg.ReadWrite, Main: pg.Statement{
		SQL:  `select auth.seal_secret($1::uuid, $2::text, $3::text)`,
		Args: [][]byte{[]byte(factor), []byte(secret), []byte(h.Seals.Seal([]byte(secret), secretOf(factor)))},
	}})
	if err != nil {
		return fmt.Errorf("seal the secret of factor %s: %w", factor, err)
	}
	res.Free()
	h.Log.WarnContext(ctx, "the secret of a second factor was not sealed, and is now", "factor", factor)
	return nil
}

// SealSecrets seals what imports have brought in plaintext; several processes may do so
// at once.
func (h *Handler) SealSecrets(ctx context.Context) error {
	for {
		res, err := h.DB.Do(ctx, &pg.Tx{Caller: pg.Caller{Role: serviceRole}, Mode: pg.ReadOnly, Main: pg.Statement{
			SQL: `select coalesce(jsonb_object_agg(s.id, s.secret), '{}')::text from auth.read_unsealed_secrets() as s`,
		}})
		if err != nil {
			return fmt.Errorf("look for secrets that are not sealed: %w", err)
		}
		var secrets map[string]string
		err = json.Unmarshal(res.Values[0], &secrets)
		res.Free()
		if err != nil || len(secrets) == 0 {
			return err
		}
		for factor, secret := range secrets {
			if err := h.sealSecret(ctx, factor, secret); err != nil {
				return err
			}
		}
	}
}
