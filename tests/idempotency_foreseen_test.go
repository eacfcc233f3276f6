package tests

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// What is told of an insert is known before it runs, but for what the database says of it:
// each of these says something else.
func TestAnAnswerThatWasForeseenIsTheOneGiven(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ change, want string }{
		"nothing": {``, "201\nX-Affected-Count: 1"},
		"a status": {
			`create function public.tg_tell() returns trigger language plpgsql as $$ begin perform set_config('response.status', '202', true); return new; end $$;
			create trigger tell before insert on public.payments for each row execute function public.tg_tell()`, "202\nX-Affected-Count: 1",
		},
		"headers": {
			`create function public.tg_tell() returns trigger language plpgsql as $$ begin perform set_config('response.headers', '[{"X-Told":"1"}]', true); return new; end $$;
			create trigger tell before insert on public.payments for each row execute function public.tg_tell()`, "201\nX-Affected-Count: 1\nX-Told: 1",
		},
		"a row that is left out": {
			`create function public.tg_skip() returns trigger language plpgsql as $$ begin return null; end $$;
			create trigger skip before insert on public.payments for each row execute function public.tg_skip()`, "201\nX-Affected-Count: 0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newRest(t, keysFixture, withKeys)
			exec(t, s.db, c.change) // which the catalogue does not know of
			before := s.writes(t)
			for i, key := range []string{"k", "k", "l", "l"} {
				w := s.send(t, "POST", "/payments", `{}`, "Idempotency-Key: "+key)
				for line := range strings.Lines(c.want) {
					if !strings.Contains(wholeAnswer(w), strings.NewReplacer(": ", " [", "\n", "").Replace(line)) {
						t.Errorf("%s is not in\n%s", line, wholeAnswer(w))
					}
				}
				if replayed(w) != (i%2 == 1) {
					t.Errorf("%s: replayed %v", key, replayed(w))
				}
			}
			if n := s.writes(t) - before; n != 2 {
				t.Errorf("%d statements have written, want 2", n)
			}
		})
	}
}

// What waits for the end of the transaction runs as the caller, as it does without a key.
func TestWhatComesAtTheEndRunsAsTheCaller(t *testing.T) {
	t.Parallel()
	s := newRest(t, keysFixture+`
		create table public.seen (who text);
		create function public.tg_look() returns trigger language plpgsql as $$
		begin
		  insert into public.seen values (current_user);
		  return null;
		end $$;
		create constraint trigger look after insert on public.payments deferrable initially deferred for each row execute function public.tg_look();
		grant insert on public.seen to authenticated`, withKeys)
	as := "Authorization: Bearer " + restToken(t, ada)
	for _, header := range [][]string{{as}, {as, "Idempotency-Key: k"}, {as, "Idempotency-Key: l", full}} {
		if w := s.send(t, "POST", "/payments", `{}`, header...); w.Code != 201 {
			t.Errorf("%s: %d %s", header[1:], w.Code, w.Body)
		}
	}
	rows, _ := s.db.Conn(t).Query(t.Context(), `select who from public.seen`)
	who, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || strings.Join(who, " ") != "authenticated authenticated authenticated" {
		t.Errorf("%s, %v", who, err)
	}
}
