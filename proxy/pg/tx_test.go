package pg

import "testing"

func TestStrangersWhoHoldAPublishableKeyAreNotOne(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		caller Caller
		want   string
	}{
		{Caller{Role: "service_role", Key: "k1", Scope: &Scope{}}, "key:k1"},
		{Caller{Role: "service_role", Key: "k1"}, "key:k1"},
		{Caller{Role: "anon", Key: "p1", Scope: &Scope{Publishable: true}}, "anon@10.0.0.1"},
		{Caller{Role: "authenticated", Subject: "7"}, "user:7"},
		{Caller{Role: "anon"}, "anon@10.0.0.1"},
	} {
		if got := tt.caller.Identity("10.0.0.1"); got != tt.want {
			t.Errorf("%+v is %s, want %s", tt.caller, got, tt.want)
		}
	}
}
