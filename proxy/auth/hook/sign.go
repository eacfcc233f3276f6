package hook

import (
	"errors"

	"github.com/fluxbase/fluxbase/proxy/webhook"
)

const secrets webhook.Table = "auth.hook_secrets"

// open gives the secrets of a hook, the newest first. Without one a hook is not called:
// it could not tell us from others.
func (h *Hooks) open(sealed []webhook.Secret) (keys [][]byte, err error) {
	if keys, err = secrets.Open(h.keys, sealed); err == nil && keys == nil {
		err = errors.New("it has no secret to sign with: POST /api/v1/admin/hooks/NAME/secrets makes one")
	}
	return keys, err
}
