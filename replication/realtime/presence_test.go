package realtime

import (
	"slices"
	"testing"
)

// What a read has shown already is not told again, in whichever order it and the
// messages come; what it has not shown is.
func TestMessagesThatAReadHasShownAreLeftOut(t *testing.T) {
	t.Parallel()
	var shown snapshot
	if err := shown.UnmarshalText([]byte("10:20:12,15")); err != nil {
		t.Fatal(err)
	}
	join := func(ref string) []presence { return []presence{{Key: "k", Ref: ref, Meta: "{}"}} }
	leave := func(ref string) []presence { return []presence{{Key: "k", Left: ref}} }
	// Of the read are: y, who came with 14 and changed from x; and z, who goes later.
	read := map[string]presence{"y": {Key: "k", Ref: "y", Meta: "{}"}, "z": {Key: "k", Ref: "z", Meta: "{}"}}
	messages := []presenceMessage{
		{9, join("x")},
		{14, []presence{{Key: "k", Ref: "y", Meta: "{}", Left: "x"}}},
		{13, join("gone")},
		{11, leave("gone")},
		{15, join("late")},
		{12, leave("z")},
		{21, join("new")},
	}
	for before := range len(messages) + 1 {
		r := &attendance{listeners: map[*channel]bool{}, loading: true, pending: messages[:before]}
		members := map[string]presence{}
		for ref, p := range read {
			members[ref] = p
		}
		r.install(shown, members)
		var told []string
		for i := before; i < len(messages); i++ {
			d := newPresenceDiff()
			r.apply(&messages[i], d)
			for _, p := range messages[i].Changes {
				if len(d.Joins) > 0 {
					told = append(told, "+"+p.Ref)
				}
				if len(d.Leaves) > 0 {
					told = append(told, "-"+p.Left)
				}
			}
		}
		want := []string{"+late", "-z", "+new"}
		want = want[max(0, min(3, before-4)):]
		if !slices.Equal(told, want) {
			t.Errorf("with %d messages before the read, told %q, want %q", before, told, want)
		}
		var there []string
		for ref := range r.members {
			there = append(there, ref)
		}
		if slices.Sort(there); !slices.Equal(there, []string{"late", "new", "y"}) {
			t.Errorf("with %d messages before the read, %q are present", before, there)
		}
	}
	for _, bad := range []string{"", "1:2", "a:2:", "1:2:x"} {
		if err := new(snapshot).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a snapshot", bad)
		}
	}
}

func TestPayloadsOfTrack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ payload, want string }{
		{``, `{}`},
		{`{}`, `{}`},
		{` { "a" : [1, "\u0000"] } `, `{"a":[1,"\u0000"]}`},
		{`{"phx_ref":"x","a":1e400,"phx\u005fref_prev":2}`, `{"a":1e400}`},
		{`null`, ""},
		{`[]`, ""},
		{`"a"`, ""},
		{`{`, ""},
	} {
		var payload []byte
		if tt.payload != "" {
			payload = []byte(tt.payload)
		}
		if got, err := metaOf(payload); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: got %q, %v, want %q", tt.payload, got, err, tt.want)
		}
	}
}
