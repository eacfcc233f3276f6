package functions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/functions/worker"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/seal"
)

// The tables that a process follows to know what functions there are.
var (
	FunctionsTable = changes.Table{Schema: "functions", Name: "functions"}
	SecretsTable   = changes.Table{Schema: "functions", Name: "secrets"}
)

// Definition is a function as it is served. Zero limits are the defaults.
type Definition struct {
	Name        string   `json:"name"`
	Version     int      `json:"version"`
	Entrypoint  string   `json:"entrypoint"`
	Digest      string   `json:"digest"`
	VerifyJWT   bool     `json:"verify_jwt"`
	Mode        string   `json:"mode"`
	WallMS      int64    `json:"wall_ms"`
	CPUMS       int64    `json:"cpu_ms"`
	MemoryMB    int      `json:"memory_mb"`
	MaxRequest  int64    `json:"max_request_bytes"`
	MaxOutput   int64    `json:"max_output_bytes"`
	Concurrency int      `json:"concurrency"`
	MaxWorkers  int      `json:"max_workers"`
	IdleSeconds int      `json:"idle_seconds"`
	Egress      []string `json:"egress"` // nil is all public hosts

	// key changes with all that its workers are made of.
	key string
	// spec is what its workers run, made at the first request.
	making sync.Once
	spec   *worker.Spec
}

// Set is all functions at one time. It never changes.
type Set struct {
	byName map[string]*Definition
	// secrets are NAME=value, in order.
	secrets []string
	// err is why functions can't be called, although there are some.
	err error
	// made orders sets: a later one is newer.
	made int64
}

var made atomic.Int64

// NewSet makes a Set of definitions and of secrets (NAME=value).
func NewSet(list []*Definition, secrets []string) *Set {
	s := &Set{made: made.Add(1), byName: make(map[string]*Definition, len(list)), secrets: slices.Sorted(slices.Values(secrets))}
	for _, d := range list {
		text, _ := json.Marshal([]any{d, s.secrets}) // texts and numbers never fail
		sum := sha256.Sum256(text)
		d.key = d.Name + "-" + strconv.Itoa(d.Version) + "-" + hex.EncodeToString(sum[:8])
		s.byName[d.Name] = d
	}
	return s
}

// Catalog reads from the database what functions there are. Several that ask at once share an
// answer that is no older than each of their questions.
type Catalog struct {
	db    *pg.DB
	seals *seal.Keys
	// get is that of a copy which is told of changes; nil where nobody tells.
	get func(context.Context) (*Set, error)

	mu   sync.Mutex
	last *Set
	at   time.Time // when it was asked for
}

// NewCatalog makes a Catalog. db is a login that may become service_role; seals opens secrets,
// nil none.
func NewCatalog(db *pg.DB, seals *seal.Keys) *Catalog { return &Catalog{db: db, seals: seals} }

// Follow says that get gives what Read has read, as long as that holds. It is to be called
// before the first request.
func (c *Catalog) Follow(get func(context.Context) (*Set, error)) { c.get = get }

// remembered is for how long what was read is taken to hold where nobody tells of changes.
const remembered = time.Second

// Get gives what functions there are.
func (c *Catalog) Get(ctx context.Context) (*Set, error) {
	if c.get != nil {
		return c.get(ctx)
	}
	return c.since(ctx, time.Now().Add(-remembered))
}

// Read asks the database, in a statement that begins after the call.
func (c *Catalog) Read(ctx context.Context) (*Set, error) { return c.since(ctx, time.Now()) }

// since gives what was read at t or later.
func (c *Catalog) since(ctx context.Context, t time.Time) (*Set, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil && c.at.After(t) {
		return c.last, nil
	}
	now := time.Now()
	set, err := c.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the functions: %w", err)
	}
	c.last, c.at = set, now
	return set, nil
}

const definitionsSQL = `select jsonb_build_object(
	'functions', (select coalesce(jsonb_agg(to_jsonb(d)), '[]') from functions.definitions() as d),
	'secrets', functions.read_secrets() -> 'secrets')::text`

func (c *Catalog) read(ctx context.Context) (*Set, error) {
	text, err := c.db.Value(ctx, &pg.Tx{Caller: service, Mode: pg.ReadOnly, Main: pg.Statement{SQL: definitionsSQL}})
	if err != nil {
		return nil, err
	}
	var in struct {
		Functions []*Definition
		Secrets   []struct{ Name, Sealed string }
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, err
	}
	var secrets []string
	for _, s := range in.Secrets {
		value, openErr := c.open(s.Name, s.Sealed)
		if openErr != nil {
			// Read again it would be the same, so nobody is to try that.
			err = fmt.Errorf("open the secret %s: %w", s.Name, openErr)
			continue
		}
		secrets = append(secrets, s.Name+"="+value)
	}
	set := NewSet(in.Functions, secrets)
	set.err = err
	return set, nil
}

func (c *Catalog) open(name, sealed string) (string, error) {
	if c.seals == nil {
		return "", seal.ErrNoKey
	}
	value, err := c.seals.Open(sealed, SecretPlace(name))
	return string(value), err
}

// SecretPlace is where the value of a secret belongs.
func SecretPlace(name string) seal.Place {
	return seal.Place{Table: "functions.secrets", Column: "sealed", ID: name}
}

// service is on whose behalf the database is asked.
var service = pg.Caller{Role: "service_role", Claims: `{"role":"service_role"}`}

// Code reads the files of a version.
func (c *Catalog) Code(ctx context.Context, d *Definition) (map[string][]byte, error) {
	files := map[string][]byte{}
	// One value, because a statement gives one row.
	text, err := c.db.Value(ctx, &pg.Tx{Caller: service, Mode: pg.ReadOnly, Main: pg.Statement{
		SQL:  `select coalesce(json_agg(json_build_object('path', c.path, 'content', encode(c.content, 'base64'))), '[]')::text from functions.code($1, $2::integer) as c`,
		Args: [][]byte{[]byte(d.Name), strconv.AppendInt(nil, int64(d.Version), 10)},
	}})
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Path    string
		Content []byte // which JSON has as base64; line breaks in it do no harm
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		return nil, err
	}
	for _, r := range rows {
		files[r.Path] = r.Content
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("version %d of the function %s is not kept any more", d.Version, d.Name)
	}
	return files, nil
}
