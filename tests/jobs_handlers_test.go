package tests

import (
	"fmt"
	"sync"
	"testing"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// Handlers are set, dropped and given secrets at once: of each kind there is one or none, and
// no secret without its handler.
func TestHandlersAreSetAndDroppedAtOnce(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	var all sync.WaitGroup
	for n, s := range jobSessions(t, db, 6) {
		all.Go(func() {
			for i := range 40 {
				kind := fmt.Sprintf("k%d", i%3)
				var statement string
				switch n % 3 {
				case 0:
					statement = fmt.Sprintf(`select jobs.set_handler('%s', url => 'https://a.test/%d', queue => 'q%d')`, kind, i, n)
				case 1:
					statement = fmt.Sprintf(`select jobs.add_handler_secret('%s', gen_random_uuid(), 'sealed %d')`, kind, n)
				default:
					statement = fmt.Sprintf(`select jobs.drop_handler('%s'), jobs.drop_handler_secret((select id from jobs.handler_secrets limit 1))`, kind)
				}
				// A secret may find no handler.
				if _, err := s.conn.Exec(t.Context(), statement); err != nil && (n%3 != 1 || sqlState(err) != "P0002") {
					t.Errorf("%s: %v", statement, err)
				}
			}
		})
	}
	all.Wait()
	watch := jobSessions(t, db, 1)[0]
	watch.wants("0", `select count(*) from jobs.handler_secrets as s where not exists (select from jobs.handlers as h where (h.namespace, h.kind) = (s.namespace, s.kind))`)
	watch.wants("0", `select count(*) from (select kind from jobs.handlers group by kind having count(*) > 1) as h`)

	// Who changes a handler waits for who gives it a secret, and it has both.
	s := jobSessions(t, db, 2)
	s[0].do(`select jobs.set_handler('one', url => 'https://a.test/1'); begin; select jobs.add_handler_secret('one', gen_random_uuid(), 'sealed')`)
	s[1].do(`select jobs.set_handler('one', url => 'https://a.test/2')`)
	dropped := s[1].meanwhile(watch, `select jobs.drop_handler('one')`)
	s[0].do(`commit`)
	if got := <-dropped; got != "true" {
		t.Errorf("it was dropped: %s", got)
	}
	watch.wants("0", `select count(*) from jobs.handler_secrets where kind = 'one'`)
}
