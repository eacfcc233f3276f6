package auth

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// admin makes an answer one for the service role alone.
func admin(answer func(*Handler, *call) error) func(*Handler, *call) error {
	return func(h *Handler, c *call) error {
		if err := h.asService(c); err != nil {
			return err
		}
		return ofAdmin(answer(h, c))
	}
}

// asService wants a key or a token of the service role.
func (h *Handler) asService(c *call) error {
	header := c.r.Header
	if header.Get("Authorization") == "" && header.Get("Apikey") == "" && header.Get("X-Service-Key") == "" {
		return refuse("no_authorization", "This endpoint requires a Bearer token")
	}
	caller, err := h.Tokens.Caller(c.r.Context(), header, token.From{Module: "auth", Address: c.w.Address})
	if err != nil {
		return badToken(err)
	}
	if caller.Role != serviceRole {
		return refuse("not_admin", "User not allowed")
	}
	if c.r.Method != http.MethodGet {
		if err := token.CheckWrite(caller.Scope); err != nil {
			return err
		}
	}
	c.caller = caller
	return nil
}

// ofAdmin gives refusals the status and the text that they have where the user is not
// the one who asks.
func ofAdmin(err error) error {
	if err == nil {
		return nil
	}
	e := *web.AsError(err)
	if e.Code == "user_not_found" {
		e.Status, e.Message = http.StatusNotFound, "User not found"
	}
	return &e
}

// id is a part of the path that must be a UUID.
func (c *call) id(n int, name string) ([]byte, error) {
	if !isUUID(c.parts[n]) {
		e := *refuse("validation_failed", name+" must be an UUID")
		e.Status = http.StatusNotFound
		return nil, &e
	}
	return []byte(c.parts[n]), nil
}

// createUser answers POST /admin/users.
func createUser(h *Handler, c *call) error {
	var in attributes
	arg, err := in.read(h, c)
	if err != nil {
		return err
	}
	return h.give(c, pg.ReadWrite, `select auth.create_user($1::jsonb)::text`, arg)
}

// give answers with the document of a function.
func (h *Handler) give(c *call, mode pg.Mode, sql string, args ...[]byte) error {
	doc, err := h.ask(c, mode, sql, args...)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, doc)
}

// readUser answers GET /admin/users/{id}.
func readUser(h *Handler, c *call) error {
	id, err := c.id(0, "user_id")
	if err != nil {
		return err
	}
	return h.give(c, pg.ReadOnly, `select coalesce(auth.user_json($1::uuid), '{"error": "user_not_found"}')::text`, id)
}

// updateUser answers PUT /admin/users/{id}. When it answers, sessions that it ends are
// over everywhere.
func updateUser(h *Handler, c *call) error {
	id, err := c.id(0, "user_id")
	if err != nil {
		return err
	}
	var in attributes
	arg, err := in.read(h, c)
	if err != nil {
		return err
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.update_user($1::uuid, $2::jsonb)::text`, id, arg)
	if err != nil {
		return err
	}
	if in.Password+in.PasswordHash+in.BanDuration+in.Role != "" {
		if err := h.settle(c); err != nil {
			return err
		}
	}
	return c.answer(http.StatusOK, doc)
}

// deleteUser answers DELETE /admin/users/{id}.
func deleteUser(h *Handler, c *call) error {
	id, err := c.id(0, "user_id")
	if err != nil {
		return err
	}
	var in struct {
		Soft bool `json:"should_soft_delete"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.delete_user($1::uuid, $2::boolean)::text`, id, strconv.AppendBool(nil, in.Soft))
	if err != nil {
		return err
	}
	if err := h.settle(c); err != nil {
		return err
	}
	return c.answer(http.StatusOK, doc)
}

// listUsers answers GET /admin/users?page=&per_page=&filter=, or ?cursor= instead of the
// page, with the next_cursor of the one before.
func listUsers(h *Handler, c *call) error {
	query := c.r.URL.Query()
	page, perPage, err := paging(query)
	if err != nil {
		return err
	}
	cursor := query.Get("cursor")
	if cursor != "" && !isCursor(cursor) {
		return refuse("validation_failed", "the cursor is none of this server's")
	}
	doc, err := h.ask(c, pg.ReadOnly, `select auth.list_users($1::integer, $2::integer, $3::text, $4::text)::text`,
		number64(perPage), number64(page), text(strings.ToValidUTF8(query.Get("filter"), "")), text(cursor))
	if err != nil {
		return err
	}
	var list struct {
		Users json.RawMessage `json:"users"`
		Total *int64          `json:"total"`
		Next  *string         `json:"next"`
	}
	if err := json.Unmarshal(doc, &list); err != nil {
		return err
	}
	if list.Total != nil {
		c.paged("/admin/users", query, page, perPage, *list.Total)
	}
	return c.answer(http.StatusOK, encode(struct {
		Users json.RawMessage `json:"users"`
		Aud   string          `json:"aud"`
		Next  *string         `json:"next_cursor,omitempty"`
	}{list.Users, "authenticated", list.Next}))
}

// isCursor tells a time and a UUID, as auth.list_users gives them.
func isCursor(s string) bool {
	at, id, _ := strings.Cut(s, "_")
	_, err := time.Parse(time.RFC3339Nano, at)
	return err == nil && isUUID(id)
}

// maxPage and maxPerPage bound what a list goes over.
const maxPage, maxPerPage = 1_000_000, 1000

// paging reads page and per_page; blank ones are the first, and 50.
func paging(query url.Values) (page, perPage int64, err error) {
	for _, p := range []struct {
		name     string
		fallback string
		most     int64
		n        *int64
	}{{"page", "1", maxPage, &page}, {"per_page", "50", maxPerPage, &perPage}} {
		n, err := strconv.ParseInt(cmp.Or(query.Get(p.name), p.fallback), 10, 64)
		if err != nil || n < 1 {
			return 0, 0, refuse("validation_failed", "Bad Pagination Parameters: "+p.name+" is a number from 1")
		}
		*p.n = min(n, p.most)
	}
	return page, perPage, nil
}

// paged adds the headers by which clients go on. They read the number after the first =.
func (c *call) paged(path string, query url.Values, page, perPage, total int64) {
	last := max((total+perPage-1)/perPage, 1)
	more := ""
	if filter := query.Get("filter"); filter != "" {
		more = "&filter=" + url.QueryEscape(filter)
	}
	link := func(n int64, rel string) string {
		return fmt.Sprintf(`<%s?page=%d&per_page=%d%s>; rel="%s"`, path, n, perPage, more, rel)
	}
	links := []string{link(last, "last")}
	if page < last {
		links = []string{link(page+1, "next"), links[0]}
	}
	c.w.Header().Set("X-Total-Count", strconv.FormatInt(total, 10))
	c.w.Header().Set("Link", strings.Join(links, ", "))
}

// listAudit answers GET /admin/audit?page=&per_page=&action=.
func listAudit(h *Handler, c *call) error {
	query := c.r.URL.Query()
	page, perPage, err := paging(query)
	if err != nil {
		return err
	}
	return h.give(c, pg.ReadOnly, `select auth.audit_entries($1::integer, $2::integer, $3::text)::text`,
		number64(page), number64(perPage), text(strings.ToValidUTF8(query.Get("action"), "")))
}
