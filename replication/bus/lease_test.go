package bus

import (
	"testing"
	"time"
)

func TestALeaseThatEndedIsTrustedAfterAProofOnly(t *testing.T) {
	t.Parallel()
	sub := &still{fresh: time.Now()}
	b := &Bus{sub: sub}
	trusted := func(want bool, when string) {
		t.Helper()
		if got := b.Trusted(); got != want {
			t.Errorf("%s: got %t, want %t", when, got, want)
		}
	}
	prove := func() { time.Sleep(time.Millisecond); sub.fresh = time.Now() }

	trusted(false, "before the first renewal")
	b.take(time.Now(), true)
	trusted(false, "renewed, and proven only before")
	prove()
	trusted(true, "proven after")
	b.take(time.Now(), true)
	trusted(true, "renewed within the lease")

	b.renewed = time.Now().Add(-Lease)
	trusted(false, "ended")
	prove()
	b.take(time.Now(), true)
	trusted(false, "renewed after its end, and proven only before")
	prove()
	trusted(true, "renewed after its end, and proven after")

	sub.fresh = time.Now().Add(-Lease)
	trusted(false, "the stream stands still")
}
