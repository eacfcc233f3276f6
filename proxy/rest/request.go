package rest

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// request is what a client asks for, read but not yet understood: names are
// looked up only when a plan for its shape has to be made.
type request struct {
	cfg    *Config
	method string
	// root tells the prefix itself, without a name below it.
	root bool
	// asks tells a read with parameters in its body.
	asks bool
	// rpc tells rpc/name from name.
	rpc    bool
	name   string
	schema string
	// profiled tells that a header chose the schema.
	profiled bool
	prefs    preferences
	// accept is the Accept header.
	accept  string
	content media

	params []param
	// values of filters, limits of embeds and arguments, in the order of the URL.
	values []string
	rows   span
	// precondition is that of a write, and versions the array of those that it is for.
	precondition precondition
	versions     []byte
	// revalidates tells a read that asks whether an answer is still the same.
	revalidates bool

	body  []byte
	shape bodyShape
	// columns tells a body of JSON of which the parameter of this name chooses the
	// keys: they may then differ.
	columns bool

	// nest is the shape of a body that holds related rows.
	nest *nest

	// patch is a body of patchMedia, changes one of changesMedia.
	patch   []patchAction
	changes []change
	// load reads the body of an import; streamed tells that there will be one.
	load     *importer
	streamed bool

	key []byte // of the plan
	// role is the caller's, for the guards; scope that of the caller's key.
	role  string
	scope *pg.Scope
}

// keptParams is how many parameters a request may have for its memory to be kept.
const keptParams = 64

// reads tells the methods that can't write.
func (r *request) reads() bool { return r.method == http.MethodGet || r.method == http.MethodHead }

// reset makes r ready for the next request and keeps its memory.
func (r *request) reset(cfg *Config) {
	clear(r.params)
	clear(r.values)
	old := *r
	*r = request{cfg: cfg, rows: allRows}
	if cap(old.key) <= maxKey && cap(old.params) <= keptParams {
		r.params, r.values, r.key = old.params[:0], old.values[:0], old.key[:0]
	}
}

// parse reads all of hr but its token.
func (r *request) parse(hr *http.Request) error {
	r.method = hr.Method
	if err := r.parsePath(hr.URL.EscapedPath()); err != nil {
		return err
	}
	if err := r.parseSchema(hr.Header); err != nil {
		return err
	}
	if err := r.checkMethod(); err != nil {
		return err
	}
	r.prefs = parsePreferences(hr.Header, r.cfg.allowsOverride())
	if r.cfg.Extensions {
		r.prefs.takeOwn()
		r.prefs.tellDeleted(r.method)
		if err := r.readPrecondition(hr.Header); err != nil {
			return err
		}
	}
	r.accept = acceptKey(hr.Header["Accept"])
	if err := r.scan(hr.URL.RawQuery); err != nil {
		return err
	}
	if r.asks {
		if err := r.scanQuery(hr); err != nil {
			return err
		}
	}
	if err := r.narrowRows(hr.Header); err != nil {
		return err
	}
	return r.readBody(hr)
}

func (r *request) parsePath(path string) error {
	path, ok := strings.CutPrefix(path, strings.TrimSuffix(r.cfg.Prefix, "/"))
	switch {
	case ok && (path == "" || path == "/"):
		return r.parseRoot()
	case !ok || path[0] != '/':
		return errInvalidPath
	}
	path = path[1:]
	if rest, ok := strings.CutPrefix(path, "rpc/"); ok {
		r.rpc, path = true, rest
	}
	path = r.takeQuery(path)
	if path == "" || strings.IndexByte(path, '/') >= 0 {
		return errInvalidPath
	}
	if strings.IndexByte(path, '%') >= 0 {
		path = string(appendUnescaped(nil, path, false))
	}
	if !isText(path) {
		return badText(path)
	}
	r.name = path
	return nil
}

// parseRoot is for the prefix itself: a description of the schema, unless a
// function takes its place.
func (r *request) parseRoot() error {
	if r.cfg.OpenAPIMode == openAPIDisabled {
		return errRootDisabled
	}
	if name := r.cfg.RootSpec; name != "" {
		r.rpc, r.name = true, name[strings.IndexByte(name, '.')+1:]
		return nil
	}
	r.root = true
	return nil
}

// parseSchema chooses the schema (W3C, Content Negotiation by Profile).
func (r *request) parseSchema(h http.Header) error {
	header := "Accept-Profile"
	switch r.method {
	case http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete:
		header = "Content-Profile"
	}
	list := h[header]
	if len(list) == 0 {
		r.schema = r.cfg.Schemas[0]
		return nil
	}
	for _, s := range r.cfg.Schemas {
		if s == list[0] {
			r.schema, r.profiled = s, true
			return nil
		}
	}
	return unknownSchema(list[0], r.cfg.Schemas)
}

func (r *request) checkMethod() error {
	switch r.method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	case http.MethodPost:
		if !r.root {
			return nil
		}
	case http.MethodPatch, http.MethodPut, http.MethodDelete:
		if !r.rpc && !r.root {
			return nil
		}
	}
	return badMethod(r.method, r.rpc)
}

// readBody reads the body of what has one, and its shape.
func (r *request) readBody(hr *http.Request) error {
	if r.method != http.MethodPost && r.method != http.MethodPatch && r.method != http.MethodPut {
		return nil
	}
	if r.streamed {
		return nil
	}
	var err error
	if r.body, err = read(hr); err != nil {
		return err
	}
	r.content = mediaJSON
	header := hr.Header.Get("Content-Type")
	if header != "" && header != "application/json" {
		r.content = decodeMedia(header).kind
	}
	if r.method == http.MethodPatch && r.cfg.Extensions {
		switch mediaName(header) {
		case patchMedia:
			return r.readPatch()
		case changesMedia:
			return r.readChanges()
		}
	}
	switch r.content {
	case mediaJSON:
		for i := range r.params {
			r.columns = r.columns || r.params[i].kind == paramColumns && r.method != http.MethodPut
		}
		if r.rpc && len(r.body) == 0 && !r.columns {
			r.body = []byte("{}")
		}
	case mediaCSV:
		r.body, err = csvToJSON(r.body)
	case mediaForm:
		if r.rpc {
			return r.scanForm()
		}
		r.body, err = formToJSON(r.body)
	case mediaText, mediaXML, mediaBytes:
		if r.rpc {
			return nil
		}
		fallthrough
	default:
		return invalidBody("Content-Type not acceptable: " + decodeMedia(header).mime())
	}
	if err != nil {
		return err
	}
	return r.readShape()
}

func (r *request) readShape() (err error) {
	r.shape, err = scanJSON(r.body)
	if r.columns {
		// Which columns there are is known, so the body can be as it is: Postgres
		// says what is wrong with it.
		if errors.Is(err, errJSON) {
			err = nil
		}
		r.shape.keys, r.shape.values = nil, nil
		return err
	}
	if err == nil && r.shape.ragged {
		err = errKeys
	}
	return err
}

// keptAhead is how much memory a body gets before any of it has come.
const keptAhead = 64 << 10

// read takes a whole body into memory; how large it may be, the server's
// middleware has set.
func read(hr *http.Request) ([]byte, error) {
	if hr.Body == nil || hr.Body == http.NoBody {
		return []byte{}, nil // nil would be bound as null
	}
	var b []byte
	var err error
	if n := hr.ContentLength; n > 0 && n <= keptAhead {
		b = make([]byte, n)
		_, err = io.ReadFull(hr.Body, b)
	} else {
		b, err = readAll(hr.Body, n)
	}
	var own *web.Error
	switch {
	case err == nil:
		return b, nil
	case errors.As(err, &own):
		return nil, own
	}
	return nil, invalidBody("the body ended too early").Because(err)
}

// readAll reads a body of n bytes, or of -1 if nobody says how many. Memory grows with
// what comes, so that a promise alone costs none.
func readAll(body io.Reader, n int64) ([]byte, error) {
	size := int64(512)
	if n > 0 {
		size = keptAhead
	}
	b := make([]byte, 0, size)
	for {
		m, err := body.Read(b[len(b):cap(b)])
		b = b[:len(b)+m]
		switch {
		case err == io.EOF && int64(len(b)) < n:
			return nil, io.ErrUnexpectedEOF
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, err
		case len(b) < cap(b):
		case int64(len(b)) < n: // twice as much, but never more than there will be, and one for the end
			b = slices.Grow(b, int(min(int64(len(b)), n+1-int64(len(b)))))
		default:
			b = slices.Grow(b, 512)
		}
	}
}

// shapeKey writes what all requests of r's shape have in common.
func (r *request) shapeKey() []byte {
	b := append(r.key[:0], r.method...)
	flags := byte(0)
	for i, set := range [...]bool{
		r.rpc, r.rows.limit >= 0, r.rows.offset != 0, r.shape.array, r.shape.other, r.prefs.hasMax, r.streamed,
	} {
		if set {
			flags |= 1 << i
		}
	}
	p := &r.prefs
	b = append(b, 0, flags, byte(r.content), p.resolution, p.returning, p.count, p.missing, p.handling, p.own, byte(r.precondition), byte(b2i(r.revalidates)))
	b = append(append(append(append(b, r.schema...), 0), r.name...), 0)
	b = append(append(b, r.accept...), 0)
	if r.rows.limit >= 0 && r.rows.limit <= maxConstLimit {
		b = strconv.AppendInt(b, r.rows.limit, 10)
	}
	b = append(b, 0)
	b = binary.AppendUvarint(b, uint64(len(r.shape.keys))) // else an empty key would read like the end of the keys
	for i, k := range r.shape.keys {
		flat := i < len(r.shape.values) && r.shape.values[i].flat
		b = append(append(append(b, byte(b2i(flat))), k...), 0)
	}
	for i := range r.patch {
		b = r.patch[i].appendShape(b)
	}
	for i := range r.changes {
		b = r.changes[i].appendShape(b)
	}
	if r.nest != nil {
		b = r.nest.appendShape(b)
	}
	for i := range r.params {
		b = append(b, 0)
		if p := &r.params[i]; p.kind == paramLimit && p.slot >= 0 && isConstLimit(r.values[p.slot]) {
			b = append(append(b, r.values[p.slot]...), '=')
		}
		b = r.params[i].appendShape(b)
	}
	r.key = b
	return b
}

func (p *param) appendShape(b []byte) []byte {
	b = append(append(append(b, byte(p.kind)), p.key...), 0)
	switch p.kind {
	case paramSelect, paramColumns, paramOnConflict, paramOrder, paramDistinct, paramCursor, paramCursorColumn,
		paramOnConflictConstraint, paramOnConflictWhere, paramUpdateColumns:
		b = append(b, p.value...)
	case paramLimit, paramOffset:
		if p.embedded() && p.slot < 0 {
			b = append(b, '-')
		}
	case paramAnd, paramOr, paramHaving:
		b = p.logic.AppendShape(b)
	case paramFilter:
		b = p.expr.AppendShape(b)
	case paramArg, paramForm:
	}
	return b
}
