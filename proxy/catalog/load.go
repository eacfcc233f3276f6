package catalog

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/query"
)

//go:embed load.sql
var loadSQL string

// Config says what to look at.
type Config struct {
	// Schemas are the exposed ones.
	Schemas []string
	// ExtraSearchPath are schemas whose functions and views count although they
	// are not exposed.
	ExtraSearchPath []string
}

// Querier runs one transaction; *pg.DB is one.
type Querier interface {
	Do(ctx context.Context, tx *pg.Tx) (*pg.Result, error)
}

var lastVersion atomic.Uint64

// Load reads the catalogue in one statement, as the login itself: pg_catalog is
// open to every role, and nothing of ours has to be installed.
func Load(ctx context.Context, db Querier, cfg Config) (*Catalog, error) {
	document, err := Document(ctx, db, cfg)
	if err != nil {
		return nil, err
	}
	c, err := Parse(document)
	if err == nil {
		err = c.readGuards(ctx, db)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Parse reads the document that load.sql gives.
func Parse(document []byte) (*Catalog, error) {
	var w wire
	if err := json.Unmarshal(document, &w); err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	return w.catalog(), nil
}

// complete tells which of the exposed schemas the database lacks: a mistyped name
// must not look like an empty schema.
func (c *Catalog) complete(cfg Config) error {
	var missing []error
	for _, name := range cfg.Schemas {
		if c.Schema(name) == nil {
			missing = append(missing, fmt.Errorf("the database has no schema %q, which is to be exposed", name))
		}
	}
	return errors.Join(missing...)
}

// Document asks Postgres for what Parse reads: all of a catalogue as JSON.
func Document(ctx context.Context, db Querier, cfg Config) ([]byte, error) {
	res, err := db.Do(ctx, transaction(loadSQL, cfg))
	if err != nil {
		return nil, fmt.Errorf("load the catalogue: %w", err)
	}
	defer res.Free()
	return bytes.Clone(res.Values[0]), nil
}

// transaction has an empty search_path: load.sql says why.
func transaction(sql string, cfg Config) *pg.Tx {
	searched := append(append([]string(nil), cfg.Schemas...), cfg.ExtraSearchPath...)
	return &pg.Tx{
		Mode:       pg.ReadOnly,
		SearchPath: "",
		Main: pg.Statement{
			SQL:  sql,
			Args: [][]byte{textArray(cfg.Schemas), textArray(searched)},
		},
	}
}

// textArray writes a text[] literal.
func textArray(list []string) []byte {
	b := []byte{'{'}
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)...)
		b = append(b, '"')
	}
	return append(b, '}')
}

// wire is the document that load.sql gives; its keys are short because there
// are many.
type wire struct {
	Server int
	Guards *bool
	// ServiceKeys is missing in a document of nothing but a schema.
	ServiceKeys bool `json:"service_keys"`
	// Sessions is too.
	Sessions bool `json:"sessions"`
	Schemas  []struct {
		Name    string `json:"n"`
		Comment string `json:"c"`
	}
	Relations []wireRelation
	Keys      []wireKey
	Links     []wireLink
	Views     []struct {
		OID    uint32 `json:"o"`
		Action string `json:"a"`
	}
	Functions []wireFunction
	Computed  []struct {
		Schema string `json:"s"`
		Name   string `json:"n"`
		Origin uint32 `json:"r"`
		Target uint32 `json:"fr"`
		Single bool   `json:"one"`
	}
	Handlers []struct {
		Schema   string `json:"s"`
		Name     string `json:"n"`
		Relation uint32 `json:"r"`
		Media    string `json:"m"`
		Base     string `json:"b"`
	}
	Distances []struct {
		Type   string `json:"t"`
		Name   string `json:"o"`
		Schema string `json:"s"`
	} `json:"distances"`
	Casts []struct {
		From   string `json:"f"`
		To     string `json:"t"`
		Schema string `json:"fs"`
		Name   string `json:"fn"`
	}
	Roles []struct {
		Role   string   `json:"r"`
		Config []string `json:"cfg"`
	}
}

type wireRelation struct {
	OID     uint32       `json:"o"`
	Schema  string       `json:"s"`
	Name    string       `json:"n"`
	Kind    string       `json:"k"`
	Comment string       `json:"c"`
	Heirs   bool         `json:"h"`
	Plain   bool         `json:"pl"`
	Fires   bool         `json:"fi"`
	Secured bool         `json:"rs"`
	Granted bool         `json:"cg"`
	Events  int          `json:"u"`
	Columns []wireColumn `json:"cols"`
}

type wireColumn struct {
	Name      string   `json:"n"`
	Position  int16    `json:"p"`
	Type      string   `json:"t"`
	Base      string   `json:"b"`
	TypeOID   uint32   `json:"o"`
	MaxLength int      `json:"l"`
	NotNull   bool     `json:"nn"`
	Default   string   `json:"d"`
	Generated string   `json:"g"`
	Identity  string   `json:"i"`
	Enum      []string `json:"e"`
	Comment   string   `json:"c"`
}

type wireKey struct {
	Relation uint32  `json:"r"`
	Primary  bool    `json:"p"`
	Columns  []int16 `json:"k"`
}

type wireLink struct {
	Name          string  `json:"n"`
	Origin        uint32  `json:"r"`
	Columns       []int16 `json:"k"`
	Target        uint32  `json:"fr"`
	TargetColumns []int16 `json:"fk"`
}

type wireFunction struct {
	OID     uint32 `json:"o"`
	Schema  string `json:"s"`
	Name    string `json:"n"`
	Comment string `json:"c"`
	Args    []struct {
		Name     string `json:"n"`
		Type     string `json:"t"`
		Wide     string `json:"w"`
		Required bool   `json:"r"`
		Variadic bool   `json:"v"`
	} `json:"a"`
	Volatility string   `json:"v"`
	Set        bool     `json:"set"`
	ReturnType string   `json:"rt"`
	TypeSchema string   `json:"rs"`
	TypeName   string   `json:"rn"`
	Composite  bool     `json:"rc"`
	Media      string   `json:"m"`
	RowsOf     uint32   `json:"rr"`
	Base       string   `json:"rb"`
	Config     []string `json:"cfg"`
	Rows       float64  `json:"rows"`
}

func (w *wire) catalog() *Catalog {
	c := &Catalog{
		Version: lastVersion.Add(1),
		Server:  w.Server,
		schemas: make(map[string]*Schema, len(w.Schemas)),
		roles:   make(map[string]*Settings, len(w.Roles)),
		formats: make(map[cast]string, len(w.Casts)),

		distances: make(map[cast]string, len(w.Distances)),
		handlers:  make(map[handlerKey]*Handler, len(w.Handlers)),

		mayReadGuards: w.Guards,
		ServiceKeys:   w.ServiceKeys,
		Sessions:      w.Sessions,
	}
	for _, s := range w.Schemas {
		c.schemas[s.Name] = &Schema{
			Name: s.Name, Comment: s.Comment,
			relations: map[string]*Relation{}, functions: map[string][]*Function{},
		}
	}
	byOID := make(map[uint32]*Relation, len(w.Relations))
	for i := range w.Relations {
		r := w.Relations[i].relation()
		c.schemas[r.Schema].relations[r.Name] = r
		byOID[r.oid] = r
	}
	for i := range w.Functions {
		f := w.Functions[i].function()
		if rel := byOID[w.Functions[i].RowsOf]; rel != nil { // also through a domain
			f.Returns.Schema, f.Returns.Name = rel.Schema, rel.Name
		}
		s := c.schemas[f.Schema]
		s.functions[f.Name] = append(s.functions[f.Name], f)
	}
	for _, h := range w.Handlers {
		rel := byOID[h.Relation]
		if rel == nil && h.Relation != 0 {
			continue
		}
		c.handlers[handlerKey{rel, strings.ToLower(h.Media)}] = &Handler{
			Media: h.Media, Base: h.Base, Schema: h.Schema, Name: h.Name, Relation: rel,
		}
	}
	for _, d := range w.Distances {
		operator := d.Name
		if d.Schema != "pg_catalog" {
			operator = "operator(" + query.Ident(d.Schema) + "." + d.Name + ")"
		}
		c.distances[cast{d.Type, d.Name}] = operator
	}
	for _, k := range w.Casts {
		c.formats[cast{k.From, k.To}] = query.Ident(k.Schema) + "." + query.Ident(k.Name)
	}
	for _, r := range w.Roles {
		c.roles[r.Role] = settings(r.Config)
	}
	newLinker(w, byOID).link()
	return c
}

// firstUserOID is where the types of users begin (FirstNormalObjectId in transam.h).
const firstUserOID = 16384

func (w *wireRelation) relation() *Relation {
	r := &Relation{
		Schema: w.Schema, Name: w.Name, Kind: w.Kind[0], Comment: w.Comment, Inherited: w.Heirs, Plain: w.Plain, Untriggered: !w.Fires,
		Insertable: w.Events&8 != 0, Updatable: w.Events&4 != 0, Deletable: w.Events&16 != 0,
		Columns: make([]*Column, len(w.Columns)),
		oid:     w.OID,
		byName:  make(map[string]*Column, len(w.Columns)),
	}
	r.ColumnGrants = w.Granted
	r.Inert = !w.Secured && strings.Contains("rpm", w.Kind)
	r.LastModified, r.CacheControl = tagged(w.Comment, "last_modified"), tagged(w.Comment, "cache_control")
	for i := range w.Columns {
		wc := &w.Columns[i]
		col := &Column{
			Name: wc.Name, Comment: wc.Comment, Position: wc.Position, Type: wc.Type, Base: wc.Base,
			Nullable: !wc.NotNull, Default: wc.Default, Generated: wc.Generated, Identity: wc.Identity,
			MaxLength: wc.MaxLength, Enum: wc.Enum, typeOID: wc.TypeOID,
		}
		if col.Base == "" {
			col.Base = col.Type
		}
		r.Inert = r.Inert && (col.typeOID < firstUserOID || col.Enum != nil || pg.HasJSON(col.Base))
		r.Columns[i] = col
		r.byName[col.Name] = col
	}
	return r
}

func (w *wireFunction) function() *Function {
	f := &Function{
		Schema: w.Schema, Name: w.Name, Comment: w.Comment,
		Params:     make([]Param, len(w.Args)),
		Volatility: Volatility(w.Volatility[0]),
		Returns: Return{
			Type: w.ReturnType, Set: w.Set, Composite: w.Composite,
			Schema: w.TypeSchema, Name: w.TypeName, Single: !w.Set || w.Rows == 1,
		},
		Settings: settings(w.Config),
		oid:      w.OID,
	}
	if w.Media != "" && f.Returns.Scalar() {
		f.Returns.Handler = &Handler{Media: w.Media, Base: w.Base}
	}
	for i, a := range w.Args {
		f.Params[i] = Param{Name: a.Name, Type: a.Type, Wide: a.Wide, Required: a.Required, Variadic: a.Variadic}
		if a.Wide == "" {
			f.Params[i].Wide = a.Type
		}
	}
	return f
}

// settings reads a list of name=value; nil if it is empty.
func settings(config []string) *Settings {
	if len(config) == 0 {
		return nil
	}
	s := new(Settings)
	for _, c := range config {
		name, value, _ := strings.Cut(c, "=")
		if name == "default_transaction_isolation" {
			s.Isolation = value
		} else {
			s.List = append(s.List, pg.Setting{Name: name, Value: value})
		}
	}
	return s
}

// quote makes a name of the database an identifier.
