package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// A pause between mails is the same for who has an account and who has none, and so is
// each answer.
func TestNoAnswerTellsWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	db, box := linksDB(t), startSMTP(t)
	s := startAuth(t, db, box.env()...)
	s.auth(t, "200", "/signup", signUpBody("known@account.test"))
	_, token := box.waitFor(t, "known@account.test", 1).link(t)
	s.enters(t, "/verify", `{"type":"signup","token_hash":"`+token+`"}`)
	set(t, db, "smtp_max_frequency", "60")

	// shape is an answer without what differs between any two.
	shape := func(a answer) string {
		var doc any
		if json.Unmarshal([]byte(a.Body), &doc) != nil {
			return a.Body
		}
		return fmt.Sprint(a.Status, " ", paths("", doc))
	}
	same := func(path, body string) {
		t.Helper()
		known := s.call(t, "POST", "/auth/v1"+path, strings.ReplaceAll(body, "WHO", "known"), apiVersion)
		nobody := s.call(t, "POST", "/auth/v1"+path, strings.ReplaceAll(body, "WHO", "nobody"), apiVersion)
		if shape(known) != shape(nobody) {
			t.Errorf("%s answers who is known\n%d %s\nand who is not\n%d %s", path, known.Status, known.Body, nobody.Status, nobody.Body)
		}
	}
	forget := func() { exec(t, db, `delete from auth.attempts`) }
	same("/recover", `{"email":"WHO@account.test"}`)
	same("/recover", `{"email":"WHO@account.test"}`)
	forget()
	same("/resend", `{"type":"signup","email":"WHO@account.test"}`)
	same("/resend", `{"type":"signup","email":"WHO@account.test"}`)
	forget()
	same("/resend", `{"type":"email_change","email":"WHO@account.test"}`)
	same("/verify", `{"type":"recovery","email":"WHO@account.test","token":"000000"}`)
	forget()
	same("/signup", signUpBody("WHO@account.test"))
	same("/signup", signUpBody("WHO@account.test"))
	forget()
	again := s.auth(t, "200", "/signup", signUpBody("known@account.test"))
	forget()
	if once := s.auth(t, "200", "/signup", signUpBody("known@account.test")); idOf(t, again) != idOf(t, once) {
		t.Errorf("each time it is another user: %s, %s", idOf(t, again), idOf(t, once))
	}
	box.waitFor(t, "known@account.test", 2)
	eventually(t, "the owner is told", func() bool {
		return slices.ContainsFunc(box.to("known@account.test"), func(l letter) bool { return strings.Contains(l.Subject, "already have an account") })
	})
	forget()
	s.auth(t, "200", "/otp", `{"email":"known@account.test","create_user":false}`)
	s.auth(t, "422 otp_disabled", "/otp", `{"email":"stranger@account.test","create_user":false}`)
	a := s.auth(t, "429 over_email_send_rate_limit", "/otp", `{"email":"known@account.test"}`)
	if a.Header.Get("Retry-After") == "" || !strings.Contains(a.Body, "you can only request this after") {
		t.Errorf("it says %v %s", a.Header, a.Body)
	}
	forget()

	wantCounts(t, counts(t, 20, []*server{s}, "/signup", func(int) string { return signUpBody("twenty@account.test") }),
		map[string]int{"200": 1, "429 over_email_send_rate_limit": 19})
	if n := queryText(t, db, `select concat_ws(' ', count(*), (select count(*) from auth.mails where to_address = 'twenty@account.test'))
		from auth.users where email = 'twenty@account.test'`); n != "1 1" {
		t.Errorf("users and mails: %s, want 1 1", n)
	}
}

// paths lists where in a document there is what kind of value.
func paths(at string, doc any) (list []string) {
	switch v := doc.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			list = append(list, paths(at+"."+key, v[key])...)
		}
		return list
	case []any:
		for i, one := range v {
			list = append(list, paths(fmt.Sprint(at, ".", i), one)...)
		}
		return append(list, fmt.Sprint(at, "#", len(v)))
	}
	return []string{fmt.Sprintf("%s:%T", at, doc)}
}

func idOf(t *testing.T, a answer) string {
	t.Helper()
	var user struct{ ID string }
	if err := json.Unmarshal([]byte(a.Body), &user); err != nil {
		t.Fatal(err)
	}
	return user.ID
}
