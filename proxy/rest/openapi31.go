package rest

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/idempotency"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
)

//go:embed openapi31_access.sql
var access31SQL string

const openAPI31Type = "application/openapi+json; version=3.1; charset=utf-8"

// wantsOpenAPI31 tells whether an Accept header asks for that version; 2.0 is what
// PostgREST's clients expect of all others.
func (h *Handler) wantsOpenAPI31(accept []string) bool {
	if !h.cfg.Extensions {
		return false
	}
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, params, err := mime.ParseMediaType(part)
		registered := media == "application/vnd.oai.openapi+json" || media == "application/vnd.oai.openapi"
		if version := params["version"]; err == nil && (registered || media == "application/openapi+json") &&
			(strings.HasPrefix(version, "3.1") || registered && version == "") {
			return true
		}
	}
	return false
}

// OpenAPI answers with the description, in version 3.1, of all that this server has
// for the caller's role.
func (h *Handler) OpenAPI(w *web.Response, hr *http.Request) error {
	if h.cfg.OpenAPIMode == openAPIDisabled {
		return errRootDisabled
	}
	caller, err := h.deps.Tokens.Caller(hr.Context(), hr.Header, from(w))
	if err != nil {
		return err
	}
	w.Role, w.User = caller.Role, caller.Subject
	r := &request{cfg: &h.cfg, method: hr.Method}
	if err := r.parseSchema(hr.Header); err != nil {
		return err
	}
	if err := token.CheckSchema(caller.Scope, r.schema); err != nil {
		return err
	}
	return h.describe31(w, hr, r, caller, true)
}

// describe31 sends the document of a schema; whole tells that of the whole server.
func (h *Handler) describe31(w *web.Response, hr *http.Request, r *request, caller pg.Caller, whole bool) error {
	cat := h.deps.Catalog.Current()
	if cat == nil {
		cat = h.deps.Catalog.Fresh(hr.Context())
	}
	if cat == nil {
		return web.CatalogNotLoaded
	}
	tx := h.transaction(w, hr, r, &plan{mode: readOnly}, cat, caller)
	all := h.cfg.OpenAPIMode == ignorePrivileges
	tx.Main = pg.Statement{SQL: access31SQL, Args: [][]byte{[]byte(r.schema), strconv.AppendBool(nil, all)}}
	logSQL(w, tx)
	raw, err := h.database(caller).Do(hr.Context(), tx)
	if err != nil {
		return h.databaseError(err, caller)
	}
	defer raw.Free()
	sum := sha256.New()
	for _, part := range append([][]byte{[]byte(strconv.FormatUint(cat.Version, 10)), []byte(r.schema), strconv.AppendBool(nil, whole)}, raw.Values...) {
		sum.Write(append(part[:len(part):len(part)], 0))
	}
	key := [sha256.Size]byte(sum.Sum(nil))
	doc := h.documents.get(cat.Version, key)
	if doc == nil {
		d := &document31{cfg: &h.cfg, catalog: cat, schema: cat.Schema(r.schema), server: h.server, whole: whole, fixed: h.deps.Endpoints, keys: h.deps.Once}
		if err := d.read(raw.Values); err != nil {
			return err
		}
		doc = appendValue(nil, d.document())
		h.documents.put(cat.Version, key, doc)
	}
	head := w.Header()
	tag := `"` + base64.RawURLEncoding.EncodeToString(key[:16]) + `"`
	head.Set("Content-Type", openAPI31Type)
	head.Set("ETag", tag)
	if len(h.cfg.Schemas) > 1 || r.profiled {
		head.Set("Content-Profile", r.schema)
	}
	if strings.Contains(hr.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	head.Set("Content-Length", strconv.Itoa(len(doc)))
	w.WriteHeader(http.StatusOK)
	if hr.Method != http.MethodHead {
		_, _ = w.Write(doc) // a client that is gone needs no answer
	}
	return nil
}

// maxDocuments are kept, of at most maxDocumentBytes together: there is one for each
// set of rights that roles have.
const maxDocuments, maxDocumentBytes = 16, 32 << 20

// documentCache keeps documents of one version of the catalogue.
type documentCache struct {
	mu      sync.Mutex
	version uint64
	bytes   int
	byKey   map[[sha256.Size]byte][]byte
}

func (c *documentCache) get(version uint64, key [sha256.Size]byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version != version {
		return nil
	}
	return c.byKey[key]
}

func (c *documentCache) put(version uint64, key [sha256.Size]byte, doc []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if version < c.version || len(doc) > maxDocumentBytes {
		return
	}
	if version > c.version || len(c.byKey) >= maxDocuments || c.bytes+len(doc) > maxDocumentBytes {
		c.version, c.bytes, c.byKey = version, 0, map[[sha256.Size]byte][]byte{}
	}
	c.byKey[key] = doc
	c.bytes += len(doc)
}

// document31 is what a document of version 3.1 tells.
type document31 struct {
	cfg     *Config
	catalog *catalog.Catalog
	schema  *catalog.Schema
	server  location
	whole   bool
	fixed   []web.Endpoint    // of others, for the whole
	keys    *idempotency.Keys // nil where writes take none

	rights    map[uint32]string
	relations []*catalog.Relation
	functions []*catalog.Function
	types     map[string]type31
	used      map[string]bool // composites that some schema refers to
	keyName   string          // the header of keys, if some path takes one
}

// type31 is what a type is made of; one of these is there.
type type31 struct {
	Enum    []string
	Base    string
	Comment string
	Fields  []struct{ Name, Type string }
}

// read takes the answer of the database.
func (d *document31) read(values [][]byte) error {
	var functions []uint32
	for i, to := range []any{&d.rights, &functions, &d.types} {
		if err := json.Unmarshal(values[i], to); err != nil {
			return err
		}
	}
	d.used = map[string]bool{}
	for _, name := range d.schema.RelationNames() {
		if rel := d.catalog.Relation(d.schema.Name, name); d.rights[rel.OID()] != "" {
			d.relations = append(d.relations, rel)
		}
	}
	may := make(map[uint32]bool, len(functions))
	for _, oid := range functions {
		may[oid] = true
	}
	for _, name := range d.schema.FunctionNames() {
		var best *catalog.Function // a path can stand for one only
		for _, f := range d.catalog.Functions(d.schema.Name, name) {
			if may[f.OID()] && (best == nil || compareOverloads(describedFunction{Function: f}, describedFunction{Function: best}) > 0) {
				best = f
			}
		}
		if best != nil {
			d.functions = append(d.functions, best)
		}
	}
	return nil
}

// may tells whether the role has a right to a relation, which it takes by itself.
func (d *document31) may(rel *catalog.Relation, right byte) bool {
	takes := map[byte]bool{'s': true, 'i': rel.Insertable, 'u': rel.Updatable, 'd': rel.Deletable}
	return takes[right] && strings.IndexByte(d.rights[rel.OID()], right) >= 0
}

// componentName writes a name in the letters that components may have; a dot and two
// digits stand for the others, so that names with a dot and small letters are free for
// our own.
func componentName(name string) string {
	const hex = "0123456789ABCDEF"
	var b []byte
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-':
			b = append(b, c)
		default:
			b = append(b, '.', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

func schemaRef(name string) object { return object{{"$ref", "#/components/schemas/" + name}} }
