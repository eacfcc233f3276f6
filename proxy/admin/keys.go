package admin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

func listKeys(h *Handler, c *call) error {
	return h.list(c, `select coalesce(json_agg(k), '[]')::text from auth.list_service_keys() as k`)
}

func listRevocations(h *Handler, c *call) error {
	return h.list(c, `select coalesce(json_agg(r order by r.id desc), '[]')::text from auth.service_key_revocations as r`)
}

func (h *Handler) list(c *call, sql string, args ...[]byte) error {
	body, err := h.ask(c, pg.ReadOnly, sql, args...)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, body)
}

// maxEvents are those of a page.
const maxEvents = 1000

// listEvents answers GET /audit?before=ID&limit=N&target=ID&action=WORD, newest first.
func listEvents(h *Handler, c *call) error {
	query := c.r.URL.Query()
	limit, before := 100, []byte(nil)
	for name, values := range query {
		n, err := strconv.ParseInt(values[0], 10, 64)
		switch {
		case name == "limit" && err == nil && n > 0:
			limit = int(min(n, maxEvents))
		case name == "before" && err == nil:
			before = []byte(values[0])
		case name == "target", name == "action":
		default:
			return web.New("invalid_request", "the parameters are before (an id), limit (a number), target and action")
		}
	}
	return h.list(c, `select coalesce(json_agg(e order by e.id desc), '[]')::text from (
		select e.* from audit.events as e
		where ($1::bigint is null or e.id < $1::bigint)
		and ($2::text is null or e.target = $2::text)
		and ($3::text is null or e.action = $3::text)
		order by e.id desc limit $4::integer) as e`,
		before, textOf(query, "target"), textOf(query, "action"), strconv.AppendInt(nil, int64(limit), 10))
}

// textOf gives a parameter; nil without it.
func textOf(query url.Values, name string) []byte {
	if query.Has(name) {
		return []byte(query.Get(name))
	}
	return nil
}

// issueKey takes the arguments of auth.issue_service_key. The database reads them, so
// that it alone says what is wrong with one.
func issueKey(h *Handler, c *call) error {
	var in struct {
		Name      *string         `json:"name"`
		Kind      *string         `json:"kind,omitempty"`
		Role      *string         `json:"role"`
		Modules   json.RawMessage `json:"modules,omitempty"`
		Schemas   json.RawMessage `json:"schemas,omitempty"`
		ReadOnly  *bool           `json:"read_only"`
		Addresses json.RawMessage `json:"addresses,omitempty"`
		ExpiresAt *string         `json:"expires_at"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	body, _ := json.Marshal(in) // it was JSON before
	return h.make(c, `select to_json(i)::text
		from jsonb_to_record($1) as a (name text, kind text, role text, modules text[], schemas text[], read_only boolean,
			addresses cidr[], expires_at timestamptz)
		cross join lateral auth.issue_service_key(a.name, coalesce(a.kind, 'secret'), a.role, a.modules, a.schemas, a.read_only,
			a.addresses, a.expires_at) as i`, body)
}

// make runs a statement that makes a key, and sends it once every process takes it. The
// key is sent whatever comes of the wait, because nobody can read it again.
func (h *Handler) make(c *call, sql string, args ...[]byte) error {
	body, err := h.ask(c, pg.ReadWrite, sql, args...)
	if err != nil {
		return err
	}
	_, _ = h.await(c)
	return c.answer(http.StatusCreated, body)
}

// grace is the body of what ends a key later.
type grace struct {
	Grace *string `json:"grace"`
}

// arg is the argument; the default is the one of the functions.
func (g grace) arg() []byte {
	if g.Grace == nil {
		return []byte("24 h")
	}
	return []byte(*g.Grace)
}

func deprecateKey(h *Handler, c *call) error {
	var in grace
	if err := c.read(&in); err != nil {
		return err
	}
	body, err := h.ask(c, pg.ReadWrite,
		`select json_build_object('id', $1::text, 'grace_ends_at', auth.deprecate_service_key($1::text, $2::interval))::text`,
		[]byte(c.id), in.arg())
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, body)
}

func rotateKey(h *Handler, c *call) error {
	var in grace
	if err := c.read(&in); err != nil {
		return err
	}
	return h.make(c, `select to_json(r)::text from auth.rotate_service_key($1::text, $2::interval) as r`, []byte(c.id), in.arg())
}

func revokeKey(h *Handler, c *call) error {
	var in struct {
		Reason *string `json:"reason"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if in.Reason == nil || *in.Reason == "" {
		return web.New("invalid_request", "say why: the body is {\"reason\": \"…\"}")
	}
	revoked, err := h.ask(c, pg.ReadWrite, `select to_json(auth.end_service_key($1::text, $2::text))::text`, []byte(c.id), []byte(*in.Reason))
	if err != nil {
		return err
	}
	return h.settle(c, map[string]any{"id": c.id, "revoked_at": json.RawMessage(revoked)})
}

func revokeLegacyKeys(h *Handler, c *call) error {
	var in struct {
		Reason       *string `json:"reason"`
		IssuedBefore *string `json:"issued_before"`
		JTI          *string `json:"jti"`
		Token        *string `json:"token"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	arg := func(s *string) []byte {
		if s == nil {
			return nil
		}
		return []byte(*s)
	}
	_, err := h.ask(c, pg.ReadWrite, `select auth.end_legacy_keys($1::text, $2::timestamptz, $3::text, $4::text)::text`,
		arg(in.Reason), arg(in.IssuedBefore), arg(in.JTI), arg(in.Token))
	if err != nil {
		return err
	}
	return h.settle(c, map[string]any{})
}

// await waits until every live process knows what was committed, and gives the names of
// those that have not said so, as JSON.
func (h *Handler) await(c *call) ([]byte, error) {
	mark, err := h.ask(c, pg.ReadWrite, `select fluxbase.mark()::text`)
	if err != nil {
		return nil, err
	}
	return h.ask(c, pg.ReadOnly, `select coalesce(json_agg(a), '[]')::text from fluxbase.await($1::pg_lsn) as a`, mark)
}

// settle answers a revocation after await. It stands whatever comes of the wait.
func (h *Handler) settle(c *call, out map[string]any) error {
	names, err := h.await(c)
	if err != nil {
		e := *web.AsError(err)
		e.Hint = "It is revoked; only whether every process knows it already could not be asked. Send the same again."
		return &e
	}
	out["unconfirmed"] = json.RawMessage(names)
	body, _ := json.Marshal(out) // texts never fail
	return c.answer(http.StatusOK, body)
}
