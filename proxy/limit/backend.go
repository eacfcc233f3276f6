package limit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// take is what is asked of one budget.
type take struct {
	key   string
	rate  float64 // in a second
	burst int64
	cost  int64
}

// grant is the answer: how much was taken, what is left, and how long until one is
// there and until the budget is full.
type grant struct {
	granted, remaining int64
	retry, reset       time.Duration
}

// backend counts. partial takes what is there of a cost that is not covered. The keys
// of one call may repeat. The answers are in the order of the items.
type backend interface {
	name() string
	take(ctx context.Context, items []take, partial bool) ([]grant, error)
	// tidy forgets what is full.
	tidy(ctx context.Context) error
}

// postgres counts in ratelimit.states.
type postgres struct {
	db   *pg.DB
	role string // empty is that of the login
}

func (postgres) name() string { return inPostgres }

const takeSQL = `select concat_ws(' ', t.item, t.granted, t.remaining, t.retry_after, t.reset_after)` +
	` from ratelimit.take_many($1, $2, $3, $4, $5) as t`

func (p postgres) take(ctx context.Context, items []take, partial bool) ([]grant, error) {
	list := [4][]byte{}
	for i, it := range items {
		next := byte(',')
		if i == 0 {
			next = '{'
		}
		for j := range list {
			list[j] = append(list[j], next)
		}
		list[0] = append(append(append(list[0], '"'), it.key...), '"') // of plain characters
		list[1] = strconv.AppendFloat(list[1], it.rate, 'g', -1, 64)
		list[2] = strconv.AppendInt(list[2], it.burst, 10)
		list[3] = strconv.AppendInt(list[3], it.cost, 10)
	}
	args := make([][]byte, 0, 5)
	for _, l := range list {
		args = append(args, append(l, '}'))
	}
	res, err := p.db.Do(ctx, &pg.Tx{
		Caller: pg.Caller{Role: p.role}, Rows: pg.Lines,
		Main: pg.Statement{SQL: takeSQL, Args: append(args, strconv.AppendBool(nil, partial))},
	})
	if err != nil {
		return nil, err
	}
	defer res.Free()
	grants := make([]grant, len(items))
	rows := 0
	for line := range strings.Lines(string(res.Values[0])) {
		if err := readGrant(strings.Fields(line), grants); err != nil {
			return nil, fmt.Errorf("read the answer of ratelimit.take_many, %q: %w", line, err)
		}
		rows++
	}
	if rows != len(items) {
		return nil, fmt.Errorf("ratelimit.take_many answered %d of %d", rows, len(items))
	}
	return grants, nil
}

// readGrant reads a row of takeSQL to its place.
func readGrant(fields []string, grants []grant) error {
	if len(fields) != 5 {
		return errors.New("not five columns")
	}
	var g grant
	item, err := strconv.Atoi(fields[0])
	if err == nil && (item < 1 || item > len(grants)) {
		err = errors.New("no such item")
	}
	var errs [4]error
	var retry, reset float64
	g.granted, errs[0] = strconv.ParseInt(fields[1], 10, 64)
	g.remaining, errs[1] = strconv.ParseInt(fields[2], 10, 64)
	retry, errs[2] = strconv.ParseFloat(fields[3], 64) // or Infinity
	reset, errs[3] = strconv.ParseFloat(fields[4], 64)
	if err = errors.Join(append(errs[:], err)...); err != nil {
		return err
	}
	g.retry, g.reset = seconds(retry), seconds(reset)
	grants[item-1] = g
	return nil
}

// tidyPages is how many pages of the table are looked through at once.
const tidyPages = 1000

func (p postgres) tidy(ctx context.Context) error {
	for page := []byte("0"); page != nil; {
		res, err := p.db.Do(ctx, &pg.Tx{Caller: pg.Caller{Role: p.role}, Main: pg.Statement{
			SQL: `select ratelimit.sweep($1, $2)::text`, Args: [][]byte{page, strconv.AppendInt(nil, tidyPages, 10)},
		}})
		if err != nil {
			return err
		}
		page = append([]byte(nil), res.Values[0]...) // nil at the end
		res.Free()
	}
	return nil
}

// forever is how long what never comes takes.
const forever = 366 * 24 * time.Hour

func seconds(s float64) time.Duration {
	if s >= forever.Seconds() {
		return forever
	}
	return time.Duration(s * float64(time.Second))
}
