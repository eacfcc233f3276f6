package tests

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/robfig/cron/v3"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// cronText is a random expression twice: as we are asked, and as robfig/cron has to be, which
// does not take 7 for Sunday.
type cronText struct{ ours, theirs string }

var (
	cronMonths   = strings.Fields("jan feb mar apr may jun jul aug sep oct nov dec")
	cronWeekdays = strings.Fields("sun mon tue wed thu fri sat")
)

// randomCron writes a field as "*" this often in ten times, and else as anything that it may hold.
func randomCron(random *rand.Rand, stars [5]int) (text cronText) {
	for i, f := range []struct {
		low, high int
		names     []string
	}{{0, 59, nil}, {0, 23, nil}, {1, 31, nil}, {1, 12, cronMonths}, {0, 6, cronWeekdays}} {
		ours, theirs := "*", "*"
		if random.IntN(10) >= stars[i] {
			var a, b []string
			for n := 1 + random.IntN(5)/3*random.IntN(3); len(a) < n; {
				o, t := randomRange(random, f.low, f.high, f.names)
				a, b = append(a, o), append(b, t)
			}
			ours, theirs = strings.Join(a, ","), strings.Join(b, ",")
		}
		text.ours += " " + ours
		text.theirs += " " + theirs
	}
	return cronText{strings.TrimSpace(text.ours), strings.TrimSpace(text.theirs)}
}

func randomRange(random *rand.Rand, low, high int, names []string) (ours, theirs string) {
	named := func(n int) string {
		if names != nil && n <= high && random.IntN(3) == 0 {
			name := names[n-low]
			return []string{name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:]}[random.IntN(3)]
		}
		return fmt.Sprint(n)
	}
	step := 1 + random.IntN(high-low+1)
	from := low + random.IntN(high-low+1)
	top := high
	if len(names) == 7 {
		top = 7
	}
	to := from + random.IntN(top-from+1)
	switch random.IntN(6) {
	case 0:
		ours = fmt.Sprintf("*/%d", step)
		return ours, ours
	case 1:
		ours = fmt.Sprintf("%s/%d", named(from), step)
		return ours, ours
	case 2:
		if random.IntN(4) == 0 && top > high {
			return "7", "0"
		}
		ours = named(from)
		return ours, ours
	case 3:
		step = 1
		ours = named(from) + "-" + named(to)
	default:
		ours = fmt.Sprintf("%s-%s/%d", named(from), named(to), step)
	}
	var each []string
	for n := from; n <= to; n += step {
		each = append(each, fmt.Sprint(n%(top+1)%max(high+1, top)))
	}
	return ours, strings.Join(each, ",")
}

// theirs is the expression as robfig/cron reads it. To it only * itself makes days free, to us, as
// to crontab(5), what begins with it.
func (c cronText) schedule(t *testing.T, zone *time.Location) *cron.SpecSchedule {
	t.Helper()
	parsed, err := cron.ParseStandard(c.theirs)
	if err != nil {
		t.Fatalf("%q: %v", c.theirs, err)
	}
	spec := parsed.(*cron.SpecSchedule)
	spec.Location = zone
	const star = 1 << 63
	fields := strings.Fields(c.ours)
	spec.Dom, spec.Dow = spec.Dom&^star, spec.Dow&^star
	if fields[2][0] == '*' {
		spec.Dom |= star
	}
	if fields[4][0] == '*' {
		spec.Dow |= star
	}
	return spec
}

// cronAsk is one thing to ask, and what the answer has to be.
type cronAsk struct {
	text  string
	zone  string
	after time.Time
	want  time.Time
}

func checkCron(t *testing.T, conn *pgx.Conn, asks []cronAsk) {
	t.Helper()
	texts, zones, afters := make([]string, len(asks)), make([]string, len(asks)), make([]time.Time, len(asks))
	for i, a := range asks {
		texts[i], zones[i], afters[i] = a.text, a.zone, a.after
	}
	// The session's own zone has no part in it.
	if _, err := conn.Exec(t.Context(), `select set_config('timezone', $1, false)`, asks[0].zone); err != nil {
		t.Fatal(err)
	}
	const ask = `select jobs.cron_next(t, z, a) from unnest($1::text[], $2::text[], $3::timestamptz[]) with ordinality as u (t, z, a, n) order by n`
	rows, err := conn.Query(t.Context(), ask, texts, zones, afters)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil {
		t.Fatalf("%v: one of %q", err, texts)
	}
	for i, a := range asks {
		if !got[i].Equal(a.want) {
			t.Errorf("%q in %s after %s: %s, want %s", a.text, a.zone, a.after.Format(time.RFC3339Nano), got[i].UTC(), a.want.UTC())
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// Where clocks are never changed, every expression comes when robfig/cron says so. That gives up
// after five years: such days are ours alone.
func TestCronAgreesWithAnother(t *testing.T) {
	t.Parallel()
	conn := dbtest.New(t).Conn(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	began, tried := time.Now(), 0
	for tried < 3000 || time.Since(began) < *soak {
		var asks []cronAsk
		for len(asks) < 500 {
			zone := []string{"UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/Phoenix", "Pacific/Marquesas"}[random.IntN(5)]
			text := randomCron(random, [5]int{2, 3, 5, 5, 5})
			after := time.Date(1990+random.IntN(80), 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(random.Int64N(int64(366 * 24 * time.Hour))))
			after = after.Truncate([]time.Duration{time.Microsecond, time.Second, time.Minute, time.Hour}[random.IntN(4)])
			want := text.schedule(t, location(t, zone)).Next(after)
			if want.IsZero() {
				var at *time.Time
				err := conn.QueryRow(t.Context(), `select jobs.cron_next($1, $2, $3)`, text.ours, zone, after).Scan(&at)
				if sqlState(err) != "22023" && (err != nil || at.Before(after.AddDate(4, 0, 0))) {
					t.Errorf("%q after %s: %v, %v", text.ours, after, at, err)
				}
				continue
			}
			asks = append(asks, cronAsk{text.ours, zone, after, want})
		}
		checkCron(t, conn, asks)
		tried += len(asks)
	}
	t.Logf("%d expressions", tried)
}

func location(t *testing.T, zone string) *time.Location {
	t.Helper()
	at, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// means tells whether an expression means what a clock shows.
func means(s *cron.SpecSchedule, at time.Time) bool {
	has := func(bits uint64, n int) bool { return bits>>n&1 == 1 }
	date, weekday := has(s.Dom, at.Day()), has(s.Dow, int(at.Weekday()))
	day := date && weekday
	if s.Dom>>63 == 0 && s.Dow>>63 == 0 {
		day = date || weekday
	}
	return has(s.Minute, at.Minute()) && has(s.Hour, at.Hour()) && day && has(s.Month, int(at.Month()))
}

// When clocks are changed, expressions come by the rules that jobs.cron_next states, which are
// followed here minute by minute. robfig/cron has others: there 30 2 * * * does not come at all on
// the day that has no 2:30, and what clocks show twice comes twice whatever the expression is.
func TestCronWhenClocksAreChanged(t *testing.T) {
	t.Parallel()
	conn := dbtest.New(t).Conn(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	zones := strings.Fields(`Europe/Berlin America/New_York Australia/Lord_Howe America/St_Johns Africa/Cairo
		Asia/Beirut America/Havana Antarctica/Troll Pacific/Apia Asia/Tehran Pacific/Chatham`)
	began, round := time.Now(), 0
	for ; round < len(zones) || time.Since(began) < *soak; round++ {
		zone := zones[round%len(zones)]
		loc := location(t, zone)
		_, change := time.Date(1996+random.IntN(25), time.Month(1+random.IntN(12)), 1, 0, 0, 0, 0, loc).ZoneBounds()
		if change.IsZero() {
			continue
		}
		// What the clock shows in each minute around the change, written as if in UTC.
		const days = 24 * 60
		first := change.Add(-3 * days * time.Minute).Truncate(time.Minute)
		shown := make([]time.Time, 6*days)
		for i := range shown {
			at := first.Add(time.Duration(i) * time.Minute)
			_, offset := at.In(loc).Zone()
			shown[i] = at.Add(time.Duration(offset) * time.Second).UTC()
		}
		var asks []cronAsk
		for len(asks) < 100 {
			text := randomCron(random, [5]int{3, 4, 9, 9, 8})
			s := text.schedule(t, loc)
			from := 3*days + random.IntN(6*60) - 4*60
			if random.IntN(4) == 0 {
				from = 3*days/2 + random.IntN(2*days)
			}
			after := first.Add(time.Duration(from)*time.Minute + time.Duration(random.IntN(2)*random.IntN(60_000_000))*time.Microsecond)
			fields := strings.Fields(text.ours)
			fixed := fields[0][0] != '*' && fields[1][0] != '*'
			for i := from + 1; i < len(shown); i++ {
				due := means(s, shown[i])
				if fixed {
					due = due && !slices.Contains(shown[max(0, i-days):i], shown[i])
					for passed := shown[i-1].Add(time.Minute); passed.Before(shown[i]); passed = passed.Add(time.Minute) {
						due = due || means(s, passed)
					}
				}
				if due {
					asks = append(asks, cronAsk{text.ours, zone, after, first.Add(time.Duration(i) * time.Minute)})
					break
				}
			}
		}
		checkCron(t, conn, asks)
	}
	t.Logf("%d changes", round)
}

// Whatever is written, the answer is a time or 22023, soon.
func TestHostileCronExpressions(t *testing.T) {
	t.Parallel()
	conn := dbtest.New(t).Conn(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	parts := []string{
		"*", "/", "-", ",", " ", "0", "1", "7", "12", "31", "59", "60", "99999999999999999999", "jan", "SUN", "sun", "xyz", "@every", "@daily", "@reboot",
		"s", "1h", "30 m", "days", "99999999 weeks", "month", "\t", "\n", "é", "%", "?", "L", "#", "'", "\\", "infinity", "nan", "1e9", "30 2", "* *", "* * * * *", "0 0 29 2",
	}
	began := time.Now()
	for tried := 0; tried < 400 || time.Since(began) < *soak; tried++ {
		var text strings.Builder
		text.WriteString([]string{"", "", "@every ", "* * * * "}[random.IntN(4)])
		for range 1 + random.IntN(9) {
			text.WriteString(parts[random.IntN(len(parts))])
			if random.IntN(2) == 0 {
				text.WriteByte(' ')
			}
		}
		zone := []string{"UTC", "Europe/Berlin", "abc5", "Foo/Bar5", "../etc/passwd", "", "CET", "posixrules/", "Etc/GMT-2", "Europe"}[random.IntN(10)]
		var at time.Time
		err := conn.QueryRow(t.Context(), `select jobs.cron_next($1, $2, '2026-01-01')`, text.String(), zone).Scan(&at)
		if err != nil && sqlState(err) != "22023" {
			t.Errorf("%q in %q: %v", text.String(), zone, err)
		}
	}
}
