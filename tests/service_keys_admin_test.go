package tests

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestOperatorsManageKeysOverHTTP(t *testing.T) {
	t.Parallel()
	db := keysDB(t)
	conn := db.Conn(t)
	s := startServer(t, db)
	service := "Authorization: Bearer " + signToken(t, map[string]any{"role": "service_role"})
	const keys = "/api/v1/admin/service-keys"
	decode := func(a answer, into any) {
		t.Helper()
		if a.Header.Get("Cache-Control") != "no-store" {
			t.Error("a cache may keep the answer")
		}
		if err := json.Unmarshal([]byte(a.Body), into); err != nil {
			t.Fatalf("%s: %v", a.Body, err)
		}
	}
	var made, next struct{ ID, Key string }
	decode(s.code(t, "201", "POST", keys, `{"name":"CI","modules":["rest","admin"],"addresses":["127.0.0.0/8"],"expires_at":"2099-01-01"}`, service, "X-Request-Id: made-it"), &made)
	s.code(t, "200", "GET", "/rest/v1/things", "", "apikey: "+made.Key)

	operator := "X-Service-Key: " + made.Key
	decode(s.code(t, "201", "POST", keys+"/"+made.ID+"/rotate", `{"grace":"2 h"}`, operator), &next)
	s.code(t, "409 key_conflict", "POST", keys+"/"+made.ID+"/rotate", ``, operator)
	s.code(t, "200", "POST", keys+"/"+next.ID+"/deprecate", ``, operator)
	s.code(t, "200", "POST", keys+"/"+made.ID+"/revoke", `{"reason":"leaked"}`, operator)
	s.code(t, "401 key_revoked", "GET", keys, ``, operator)
	s.code(t, "401 key_revoked", "GET", "/rest/v1/things", "", "apikey: "+made.Key)
	s.code(t, "200", "GET", "/rest/v1/things", "", "apikey: "+next.Key)

	var list []map[string]any
	a := s.code(t, "200", "GET", keys, "", service)
	decode(a, &list)
	if len(list) != 2 || list[0]["state"] != "revoked" || list[0]["replaced_by"] != next.ID || list[1]["state"] != "deprecated" ||
		strings.Contains(a.Body, "hash") || strings.Contains(a.Body, made.Key) {
		t.Errorf("the list is %s", a.Body)
	}
	decode(s.code(t, "200", "GET", keys+"/revocations", "", service), &list)
	var kinds []any
	for _, r := range list {
		kinds = append(kinds, r["kind"])
	}
	if fmt.Sprint(kinds) != "[emergency expiration rotation]" {
		t.Errorf("the decisions are %v", kinds)
	}

	// Who, what, when, from where, in which request; page by page.
	var events []struct {
		ID                                       int
		Actor, Login, Action, Target, Origin, At string
		RequestID                                string `json:"request_id"`
	}
	var all []string
	path := "/api/v1/admin/audit?limit=2"
	for {
		decode(s.code(t, "200", "GET", path, "", service), &events)
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			all = append(all, e.Actor+" "+e.Action)
			if e.Origin != "127.0.0.1" || e.RequestID == "" || e.Login != "fluxbase_service" || e.At == "" {
				t.Errorf("the event is %+v", e)
			}
		}
		path = fmt.Sprintf("/api/v1/admin/audit?limit=2&before=%d", events[len(events)-1].ID)
	}
	by := "key:" + made.ID
	want := []string{by + " service_key.revoked", by + " service_key.deprecated", by + " service_key.rotated", by + " service_key.issued", "role:service_role service_key.issued"}
	if strings.Join(all, ", ") != strings.Join(want, ", ") {
		t.Errorf("the events are\n%v, want\n%v", all, want)
	}
	decode(s.code(t, "200", "GET", "/api/v1/admin/audit?action=service_key.issued&target="+made.ID, "", service), &events)
	if len(events) != 1 || events[0].RequestID != "made-it" {
		t.Errorf("got %+v", events)
	}

	for _, tt := range []struct{ want, method, path, body, header string }{
		{"401 unauthorized", "GET", keys, "", ""},
		{"403 forbidden", "GET", keys, "", "Authorization: Bearer " + userToken(t, "ada")},
		{"403 forbidden", "GET", keys, "", "apikey: " + anonToken(t)},
		{"404 key_not_found", "POST", keys + "/nothing/revoke", `{"reason":"x"}`, service},
		{"404 key_not_found", "POST", keys + "/nothing/rotate", ``, service},
		{"404 not_found", "POST", keys + "//rotate", ``, service},
		{"404 not_found", "GET", "/api/v1/admin/nothing", ``, service},
		{"405 method_not_allowed", "DELETE", keys, ``, service},
		{"400 invalid_request", "POST", keys + "/" + next.ID + "/revoke", ``, service},
		{"400 invalid_request", "POST", keys, `{"name":"x","scope":"all"}`, service},
		{"400 invalid_request", "POST", keys, `[]`, service},
		{"400 22P02", "POST", keys, `{"name":"x","addresses":["home"]}`, service},
		{"400 22004", "POST", keys, `{}`, service},
		{"400 23514", "POST", keys, `{"name":"x","modules":["nothing"]}`, service},
		{"400 22007", "POST", keys + "/" + next.ID + "/deprecate", `{"grace":"long"}`, service},
		{"400 23514", "POST", keys + "/" + next.ID + "/deprecate", `{"grace":"31 days"}`, service},
		{"400 23514", "POST", "/api/v1/admin/legacy-keys/revoke", `{"reason":"x"}`, service},
		{"400 invalid_request", "GET", "/api/v1/admin/audit?limit=many", ``, service},
		{"413 body_too_large", "POST", keys, `{"name":"` + strings.Repeat("x", 5<<20) + `"}`, service},
	} {
		header := []string{"Content-Type: application/json"}
		if tt.header != "" {
			header = append(header, tt.header)
		}
		s.code(t, tt.want, tt.method, tt.path, tt.body, header...)
	}
	noServerErrors(t, s)

	// What was used is told when the process stops, and once a minute before.
	s.stop(t)
	var from string
	const ask = `select host(l.last_used_from) from auth.list_service_keys() as l where l.id = $1 and l.last_used_at > now() - interval '1 hour'`
	if err := conn.QueryRow(t.Context(), ask, next.ID).Scan(&from); err != nil || from != "127.0.0.1" {
		t.Errorf("last used from %q (%v)", from, err)
	}
}

func TestSupabaseClientWithServiceKeys(t *testing.T) {
	t.Parallel()
	db := notesDB(t)
	exec(t, db, `select realtime.enable('public.notes')`)
	conn := db.Conn(t)
	_, secret := issued(t, conn)
	_, public := issued(t, conn, `kind => 'publishable'`)
	s := startRealtime(t, db, "one")
	runNode(t, s, "keys.test.mjs", "FLUXBASE_TEST_SECRET_KEY="+secret, "FLUXBASE_TEST_PUBLISHABLE_KEY="+public)
	noServerErrors(t, s)
}

// A channel that was opened with a key ends with it; one of a user on the same
// connection goes on.
func TestChannelsEndWithTheirKey(t *testing.T) {
	t.Parallel()
	db := keysDB(t)
	conn := db.Conn(t)
	s := startRealtime(t, db, "one")
	open := func(key string) *socket {
		t.Helper()
		eventually(t, "the key is known", func() bool {
			a, err := s.try("GET", "/rest/v1/things", "", "apikey: "+key)
			return err == nil && a.Status != 401
		})
		c, resp := dialRealtime(t, s, "vsn=2.0.0&apikey="+key)
		if c == nil {
			t.Fatalf("the handshake was answered with %d", resp.StatusCode)
		}
		return &socket{c, t}
	}
	for name, end := range map[string]string{
		"revoked":             `call auth.revoke_service_key('%s', 'leaked')`,
		"deprecated":          `select auth.deprecate_service_key('%s', '0 s')`,
		"deprecated a moment": `select auth.deprecate_service_key('%s', '300 ms')`,
	} {
		t.Run(name, func(t *testing.T) {
			id, key := issued(t, conn)
			c := open(key)
			c.write(joinTopic("room"))
			c.expect("phx_reply", `"ok"`)
			c.write(fmt.Sprintf(`["2","2","realtime:users","phx_join",{"access_token":%q}]`, userToken(t, "ada")))
			c.expect("phx_reply", `"ok"`)
			exec(t, db, fmt.Sprintf(end, id))
			c.expect("system", `"status":"error"`)
			c.expect("phx_close", `{}`)
			c.write(joinTopic("again"))
			c.expect("phx_reply", `"error"`)
			c.write(`["2","3","realtime:users","broadcast",{"event":"e","payload":{}}]`)
			c.write(`[null,"4","phoenix","heartbeat",{}]`)
			c.expect("phx_reply", `"ok"`)
		})
	}
	t.Run("a JWT of the service role", func(t *testing.T) {
		token := signToken(t, map[string]any{"role": "service_role", "jti": "socket", "exp": time.Now().Add(time.Hour).Unix()})
		c := open(token)
		c.write(joinTopic("room"))
		c.expect("phx_reply", `"ok"`)
		exec(t, db, `call auth.revoke_legacy_keys('leaked', jti => 'socket')`)
		c.expect("system", `revoked`)
		c.expect("phx_close", `{}`)
	})
	t.Run("a key for reading, of one schema", func(t *testing.T) {
		_, key := issued(t, conn, `read_only => true`, `schemas => '{public}'`)
		c := open(key)
		c.write(`["1","1","realtime:room","phx_join",{"config":{"broadcast":{"self":true,"ack":true}}}]`)
		c.expect("phx_reply", `"ok"`)
		c.write(`["1","2","realtime:room","broadcast",{"event":"e","payload":{}}]`)
		c.write(`["5","5","realtime:all","phx_join",{"config":{"postgres_changes":[{"event":"*","schema":"*"}]}}]`)
		c.expect("phx_reply", `not for this schema`)
		c.write(`["6","6","realtime:things","phx_join",{"config":{"postgres_changes":[{"event":"*","schema":"public","table":"things"}]}}]`)
		c.expect("phx_reply", `"ok"`)
	})
}
