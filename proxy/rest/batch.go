package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// A batch is several requests in one transaction: POST to batch with
// {"operations": [...]}. Each is read, planned and answered as it would be alone.

const (
	batchName = "batch"
	// batchMedia is the media type that makes a POST a batch also where a table has
	// that name.
	batchMedia = "application/vnd.fluxbase.batch+json"
)

// operationHeaders are those that an operation may have of its own; what else a
// request says, such as who sends it, is said once for the whole batch.
var operationHeaders = []string{
	"Accept", "Accept-Profile", "Content-Profile", "Content-Type", "If-Match", "If-None-Match", "Prefer", "Range", "Range-Unit",
}

// batchOperation is one request of a batch.
type batchOperation struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
	Refs    map[string]string `json:"refs"`

	header http.Header
	refs   []batchRef
	// referred tells that another operation wants a value of its answer.
	referred bool

	hr   *http.Request
	r    *request
	plan *plan
	cat  *catalog.Catalog

	result []byte // the answer, as it stands among the results
	body   []byte // of the answer, if referred
	values any    // body, decoded when it is first wanted
}

// batchRequest is what a POST to batch asks for.
type batchRequest struct {
	h          *Handler
	role       string // that guards hold for
	scope      *pg.Scope
	Operations []*batchOperation `json:"operations"`
	body       []byte
}

func badBatch(format string, args ...any) *web.Error {
	return web.New("batch_invalid", fmt.Sprintf(format, args...))
}

func tooLong(message string, limit int64) *web.Error {
	e := web.New("batch_too_large", message)
	e.Details = map[string]int64{"limit_bytes": limit}
	e.Hint = "ask for less, or raise FLUXBASE_REST_BATCH_ANSWER_LIMIT"
	return e
}

// at says which operation an error is of.
func (b *batchRequest) at(i int, err error) error {
	if err == nil {
		return nil
	}
	e := *web.AsError(err)
	e.Operation = &web.Operation{Index: i, ID: b.Operations[i].ID}
	const serializationFailure, deadlockDetected = "40001", "40P01"
	if e.Code == serializationFailure || e.Code == deadlockDetected {
		e.Hint = "Nothing of the batch was written; send it again."
	}
	return &e
}

// isBatch tells a batch from a request for a table that is called so.
func (h *Handler) isBatch(hr *http.Request) bool {
	if !h.cfg.Extensions || hr.Method != http.MethodPost || hr.URL.Path != h.base+batchName {
		return false
	}
	if header := hr.Header.Get("Content-Type"); header != "" {
		if mediaName(header) == batchMedia {
			return true
		}
		if decodeMedia(header).kind != mediaJSON {
			return false
		}
	}
	r := request{cfg: &h.cfg, method: hr.Method}
	cat := h.deps.Catalog.Current()
	return r.parseSchema(hr.Header) == nil && (cat == nil || cat.Relation(r.schema, batchName) == nil)
}

// readBatch reads a batch and plans its operations, so that what can be known to be
// wrong is known before anything runs.
func (h *Handler) readBatch(hr *http.Request, caller pg.Caller) (*batchRequest, error) {
	body, err := read(hr)
	if err != nil {
		return nil, err
	}
	if _, err := scanJSON(body); err != nil {
		return nil, err
	}
	b := &batchRequest{h: h, role: caller.Role, scope: caller.Scope, body: body}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(b); err != nil {
		return nil, badBatch("the body is not {\"operations\": [{\"id\", \"method\", \"path\", \"headers\", \"body\", \"refs\"}, …]}").Because(err)
	}
	switch n := len(b.Operations); {
	case n == 0:
		return nil, badBatch("a batch has at least one operation")
	case n > h.cfg.BatchOperations:
		e := web.New("batch_too_large", "the batch has too many operations")
		e.Details = map[string]int{"operations": n, "limit": h.cfg.BatchOperations}
		e.Hint = "send several batches, or raise FLUXBASE_REST_BATCH_OPERATIONS"
		return nil, e
	}
	for i, op := range b.Operations {
		if op == nil {
			return nil, badBatch("operation %d is null", i)
		}
		if op.ID == "" {
			op.ID = strconv.Itoa(i)
		}
	}
	for i, op := range b.Operations {
		err := b.checkOperation(i, op)
		if err == nil {
			err = b.plan(hr, op)
		}
		if err != nil {
			b.release()
			return nil, b.at(i, err)
		}
	}
	return b, nil
}

// checkOperation looks at what does not need the database.
func (b *batchRequest) checkOperation(i int, op *batchOperation) error {
	if len(op.ID) > 64 || strings.ContainsFunc(op.ID, notOfID) {
		return badBatch("an id has 1 to 64 letters, digits, - and _")
	}
	for _, other := range b.Operations[:i] {
		if other.ID == op.ID {
			return badBatch("the id %q is there twice", op.ID)
		}
	}
	switch op.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete:
	default:
		return badBatch("%q is no method of an operation", op.Method)
	}
	if len(op.Path) < 2 || op.Path[0] != '/' {
		return badBatch("the path of an operation begins with / and a name")
	}
	op.header = http.Header{}
	for name, value := range op.Headers {
		name = http.CanonicalHeaderKey(name)
		if !slices.Contains(operationHeaders, name) {
			return badBatch("an operation can't have the header %q: say it in the request of the batch", name)
		}
		if name == "Prefer" && !prefersWithin(value) {
			return badBatch("Prefer: tx= and timezone= are of the whole transaction: say it in the request of the batch")
		}
		op.header[name] = []string{value}
	}
	return b.readReferences(i, op)
}

func notOfID(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
}

// prefersWithin tells preferences that make sense for one of several operations.
func prefersWithin(value string) bool {
	for one := range strings.SplitSeq(value, ",") {
		kind, _, _ := strings.Cut(strings.TrimSpace(one), "=")
		if kind == "tx" || kind == "timezone" {
			return false
		}
	}
	return true
}

// plan plans op. Where a reference stands, it is planned with a value of no meaning;
// when the real one is known it is planned again.
func (b *batchRequest) plan(hr *http.Request, op *batchOperation) error {
	path, body, err := op.substituted(b.h.cfg.BatchAnswerLimit, nil)
	if err != nil {
		return err
	}
	return b.planWith(hr, op, path, body)
}

func (b *batchRequest) planWith(outer *http.Request, op *batchOperation, path string, body []byte) (err error) {
	u, err := url.ParseRequestURI(strings.TrimSuffix(b.h.base, "/") + path)
	if err != nil {
		return badBatch("the path is none of a URL").Because(err)
	}
	op.hr = (&http.Request{
		Method: op.Method, URL: u, Header: op.header, Body: http.NoBody, ContentLength: int64(len(body)),
	}).WithContext(outer.Context())
	if len(body) > 0 {
		op.hr.Body = bodyOf(body)
	}
	if op.r == nil {
		op.r = b.h.pending.Get().(*request)
	} else {
		op.r.reset(&b.h.cfg)
	}
	r := op.r
	if err := r.parse(op.hr); err != nil {
		return err
	}
	r.role, r.scope = b.role, b.scope
	if r.root {
		return badBatch("the path of an operation begins with / and a name")
	}
	if err := token.CheckSchema(r.scope, r.schema); err != nil {
		return err
	}
	if op.plan, op.cat, err = b.h.plan(outer.Context(), r); err != nil {
		return err
	}
	switch {
	case len(r.prefs.unknown) > 0 && r.prefs.handling == handlingStrict:
		return invalidPreferences(r.prefs.unknown)
	case op.plan.explain != nil:
		return badBatch("count=planned and count=estimated can't be within a batch: ask for count=exact")
	case op.plan.media == mediaPlan:
		return badBatch("the plan of a statement can't be asked for within a batch")
	case op.plan.export != nil:
		return badBatch("rows can't be streamed within a batch: export them alone")
	case op.plan.guard != nil && op.plan.guard.maxCost != nil:
		return badBatch("what a guard lets cost only so much can't be within a batch: send it alone")
	case op.plan.bytes:
		return badBatch("an answer of bytes can't be within a batch")
	}
	return nil
}

// bodyReader is the body of an operation.
type bodyReader struct{ bytes.Reader }

func (*bodyReader) Close() error { return nil }

func bodyOf(b []byte) *bodyReader {
	r := new(bodyReader)
	r.Reset(b)
	return r
}

// release gives the memory of the requests back.
func (b *batchRequest) release() {
	for _, op := range b.Operations {
		if op != nil && op.r != nil {
			op.r.reset(&b.h.cfg)
			b.h.pending.Put(op.r)
			op.r = nil
		}
	}
}

// text is the body of op as it would have come alone: JSON as it is, of other types
// what the string says.
func (op *batchOperation) text() ([]byte, error) {
	header := op.header.Get("Content-Type")
	if len(op.Body) == 0 || header == "" || decodeMedia(header).kind == mediaJSON || strings.HasSuffix(mediaName(header), "+json") {
		return op.Body, nil
	}
	var s string
	if op.Body[0] != '"' || json.Unmarshal(op.Body, &s) != nil {
		return nil, badBatch("the body of an operation that is not of JSON is a string")
	}
	return []byte(s), nil
}
