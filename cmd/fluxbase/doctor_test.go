package main

import (
	"bytes"
	"errors"
	"testing"
)

func TestDoctorPrintsAndFails(t *testing.T) {
	t.Parallel()
	sound := finding{levelOK, "sound", ""}
	for _, tt := range []struct {
		name     string
		findings []finding
		asJSON   bool
		failed   bool
		want     string
	}{
		{"sound", []finding{sound}, false, false, "ok    sound\n\n0 failed, 0 warnings\n"},
		{
			"a warning",
			[]finding{sound, {levelWarn, "so so", "do this;\nand that;"}},
			false, false,
			"ok    sound\nwarn  so so\n      mend: do this;\n            and that;\n\n0 failed, 1 warnings\n",
		},
		{"a failure", []finding{{levelFail, "bad", "stop"}}, false, true, "fail  bad\n      mend: stop\n\n1 failed, 0 warnings\n"},
		{
			"JSON",
			[]finding{{levelFail, "a <b>", "c & d"}},
			true, true,
			"[\n  {\n    \"level\": \"fail\",\n    \"what\": \"a <b>\",\n    \"mend\": \"c & d\"\n  }\n]\n",
		},
	} {
		d := &doctor{findings: tt.findings}
		var out bytes.Buffer
		err := d.print(&out, tt.asJSON)
		if out.String() != tt.want || errors.Is(err, errReported) != tt.failed {
			t.Errorf("%s: %v\ngot  %q\nwant %q", tt.name, err, out.String(), tt.want)
		}
	}
}
