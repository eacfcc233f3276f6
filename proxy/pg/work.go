package pg

import (
	"context"
	"errors"
	"io"

	"github.com/jackc/pgx/v5/pgconn"
)

// Conn is the connection of a transaction that is open, for Tx.Work.
type Conn struct{ conn *pgconn.PgConn }

// Run runs one statement and gives its first row; the caller must Free the result.
func (c Conn) Run(ctx context.Context, st Statement) (*Result, error) {
	r := new(Result)
	if err := r.read(c.conn.ExecParams(ctx, st.SQL, st.Args, nil, nil, nil), FirstRow, nil, 0); err != nil {
		r.Free()
		return nil, err
	}
	return r, nil
}

// Script runs statements without values, one after the other.
func (c Conn) Script(ctx context.Context, sql string) error {
	return c.conn.Exec(ctx, sql).Close()
}

// Rows gives the names of the columns of st and then each row as it comes, in text
// format; its values are valid during the call. Postgres makes rows only as fast as
// they are taken. An error of row ends the statement and is returned.
func (c Conn) Rows(ctx context.Context, st Statement, names func([]string), row func([][]byte) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	rr := c.conn.ExecParams(ctx, st.SQL, st.Args, nil, nil, nil)
	if fields := rr.FieldDescriptions(); fields != nil {
		list := make([]string, len(fields))
		for i := range fields {
			list[i] = fields[i].Name
		}
		names(list)
	}
	var failed error
	for failed == nil && rr.NextRow() {
		failed = row(rr.Values())
	}
	if failed != nil {
		stop() // cancels the statement; what it has sent by then is read and dropped
	}
	_, err := rr.Close()
	if failed != nil {
		return failed
	}
	return err
}

// CopyFrom runs a COPY … FROM STDIN with what r gives. An error of r undoes it and is
// returned.
func (c Conn) CopyFrom(ctx context.Context, sql string, r io.Reader) error {
	source := &failing{r: r}
	_, err := c.conn.CopyFrom(ctx, source, sql)
	if source.err != nil {
		return source.err
	}
	return err
}

// failing keeps the error of a reader, of which the protocol carries only the text.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}
