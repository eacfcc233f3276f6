package pg

import "testing"

func TestWhomACallerIsCountedAs(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]Caller{
		"key:k1":         {Role: "service_role", Key: "k1", Subject: "ada"},
		"user:ada":       {Role: "authenticated", Subject: "ada"},
		"anon@192.0.2.1": {Role: "anon"},
	} {
		if got := c.Identity("192.0.2.1"); got != want {
			t.Errorf("%+v is %q, want %q", c, got, want)
		}
	}
}
