package rest

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/pg"
)

// Config is how tables and functions are served; the names are PostgREST's.
type Config struct {
	Prefix            string   `envconfig:"FLUXBASE_REST_PREFIX" default:"/rest/v1" pgrst:"-" dropin:"/" desc:"Path below which tables and functions are. / takes PostgREST's own place."`
	Schemas           []string `envconfig:"FLUXBASE_REST_DB_SCHEMAS" default:"public" pgrst:"db-schemas,db-schema" desc:"Schemas that are exposed, comma separated; the first is the default, others are chosen by Accept-Profile and Content-Profile."`
	ExtraSearchPath   []string `envconfig:"FLUXBASE_REST_DB_EXTRA_SEARCH_PATH" default:"public,extensions" pgrst:"db-extra-search-path" empty:"true" dropin:"public" desc:"Schemas that come after the exposed one in search_path, for functions and types of extensions."`
	MaxRows           *int64   `envconfig:"FLUXBASE_REST_DB_MAX_ROWS" pgrst:"db-max-rows,max-rows" desc:"Most rows of a read or of each embed; without it there is no bound, and 0 lets none through. Set it on a public API: one request can't then fetch a whole table."`
	AggregatesEnabled bool     `envconfig:"FLUXBASE_REST_DB_AGGREGATES_ENABLED" default:"false" desc:"Allow count(), sum() and the like in select. Off by default, because a client can make them read whole tables."`
	PlanEnabled       bool     `envconfig:"FLUXBASE_REST_DB_PLAN_ENABLED" default:"false" desc:"Answer Accept: application/vnd.pgrst.plan with the plan of the statement. For development: a plan tells a client about tables and rows that it may not read."`
	OpenAPIMode       string   `envconfig:"FLUXBASE_REST_OPENAPI_MODE" default:"follow-privileges" desc:"What the description of the API at the prefix itself shows: follow-privileges shows what the caller's role may use, ignore-privileges all that is exposed; disabled answers 404."`
	OpenAPISecurity   bool     `envconfig:"FLUXBASE_REST_OPENAPI_SECURITY_ACTIVE" default:"false" desc:"Say in that description that requests carry a token, so that tools ask for one."`
	OpenAPIProxyURI   string   `envconfig:"FLUXBASE_REST_OPENAPI_SERVER_PROXY_URI" desc:"Where clients reach the API, as that description says it: http(s)://HOST:PORT/PATH. Without it, it is the address listened on."`
	RootSpec          string   `envconfig:"FLUXBASE_REST_DB_ROOT_SPEC" desc:"Function that answers at the prefix itself, instead of that description; of the schema that the request chooses."`
	PreRequest        string   `envconfig:"FLUXBASE_REST_DB_PRE_REQUEST" pgrst:"db-pre-request,pre-request" desc:"Function, as SCHEMA.NAME, that is called in each request's transaction before its statement; it may raise to refuse."`
	TxEnd             string   `envconfig:"FLUXBASE_REST_DB_TX_END" default:"commit" desc:"How transactions end: commit, commit-allow-override, rollback or rollback-allow-override. The overrides let Prefer: tx= choose; meant for tests."`
	LegacyTargetNames bool     `envconfig:"FLUXBASE_REST_URL_USE_LEGACY_TARGET_NAMES" default:"true" desc:"Let filters name an embedded table although it has an alias, as clients written for PostgREST before 16 do."`
	HoistedTxSettings []string `envconfig:"FLUXBASE_REST_DB_HOISTED_TX_SETTINGS" default:"statement_timeout,plan_filter.statement_cost_limit,default_transaction_isolation" desc:"Settings of a function (create function … set x to y) that hold for its whole transaction, comma separated; those of others begin with the function, which is too late for a timeout."`
	ServerTiming      bool     `envconfig:"FLUXBASE_REST_SERVER_TIMING_ENABLED" default:"false" desc:"Tell how long each step of a request took, in the Server-Timing header. Off by default, because times tell about data."`
	TraceHeader       string   `envconfig:"FLUXBASE_REST_SERVER_TRACE_HEADER" desc:"Header of a request that its answer repeats, for tracing through proxies. X-Request-Id needs no setting."`
	ErrorVerbosity    string   `envconfig:"FLUXBASE_REST_CLIENT_ERROR_VERBOSITY" default:"verbose" desc:"verbose, or minimal: errors then have code and message only, since details and hints may tell of the schema."`
	// Extensions are what is not PostgREST's own.
	Extensions       bool          `envconfig:"FLUXBASE_REST_EXTENSIONS" default:"true" pgrst:"-" dropin:"false" desc:"What Fluxbase offers beyond PostgREST: parameters, preferences and paths of its own, and the refusal of writes without a filter. Off in the place of a PostgREST, where every request means what it means there."`
	ETags            bool          `envconfig:"FLUXBASE_REST_ETAGS" default:"true" pgrst:"-" desc:"Give reads an ETag and answer If-None-Match with 304; for it each answer is hashed. Needs FLUXBASE_REST_EXTENSIONS."`
	ETagsSkip        []string      `envconfig:"FLUXBASE_REST_ETAGS_SKIP" pgrst:"-" desc:"Paths without, comma separated; * stands for anything but /, as in /rest/v1/rpc/*."`
	ETagsKept        int           `envconfig:"FLUXBASE_REST_ETAGS_KEPT" default:"10000" pgrst:"-" desc:"Answers that are remembered by their ETag, about 1 KB each: If-None-Match is answered with 304 without asking the database while the change stream proves that nothing has changed which they depend on. Needs FLUXBASE_REPLICATION_DATABASE_URL; 0 asks each time."`
	Streams          int           `envconfig:"FLUXBASE_REST_STREAMS" default:"4" pgrst:"-" desc:"Exports and imports under way at once; more get 429. Each holds one of the connections to the database for as long as its client takes, and a few megabytes of memory, more where lines are long."`
	StreamTimeout    time.Duration `envconfig:"FLUXBASE_REST_STREAM_TIMEOUT" default:"1h" pgrst:"-" desc:"How long an export or import may take; FLUXBASE_SERVER_REQUEST_TIMEOUT does not hold for them. A statement_timeout of the role does, but for the time in which an import is sent."`
	StreamPatience   time.Duration `envconfig:"FLUXBASE_REST_STREAM_PATIENCE" default:"1m" pgrst:"-" desc:"How long the client of an export may take nothing, or that of an import send nothing, until the stream is ended."`
	ImportBytes      int64         `envconfig:"FLUXBASE_REST_IMPORT_BYTES" default:"10737418240" pgrst:"-" desc:"Bytes of an import; more is answered with 413. It takes the place of the limits of other bodies, because imports are not held in memory; of a compressed one the bytes count that come out."`
	ImportRows       int64         `envconfig:"FLUXBASE_REST_IMPORT_ROWS" default:"0" pgrst:"-" desc:"Rows of an import; more is answered with 413. 0 is any number."`
	BatchOperations  int           `envconfig:"FLUXBASE_REST_BATCH_OPERATIONS" default:"100" pgrst:"-" desc:"Most operations of one POST to batch; all of them hold their locks until the last has run."`
	BatchAnswerLimit int64         `envconfig:"FLUXBASE_REST_BATCH_ANSWER_LIMIT" default:"10485760" pgrst:"-" desc:"Bytes of the answers of a batch together; more is answered with 413 and undoes the batch. Bounds the memory of one request."`
	MaxRecursion     int           `envconfig:"FLUXBASE_REST_MAX_RECURSION" default:"10" pgrst:"-" desc:"Most levels that an embed of a table in itself may go down (select=children:parts!parent!recursive.5(*))."`
	// AppSettings are set in each transaction, for functions to read.
	AppSettings      []pg.Setting `ignored:"true"`
	PlanCacheEntries int          `envconfig:"FLUXBASE_REST_PLAN_CACHE" default:"2000" pgrst:"-" desc:"Shapes of requests whose SQL is kept. An application has a few hundred; the bound is for clients that make up new ones. All together take at most 16 MiB."`
}

var txEnds = []string{"commit", "commit-allow-override", "rollback", "rollback-allow-override"}

// Check applies defaults and reports what is wrong with the rest.
func (c *Config) Check() error {
	var errs []error
	if c.Prefix != "/" {
		c.Prefix = "/" + strings.Trim(c.Prefix, "/")
	}
	c.Schemas = names(c.Schemas)
	c.ExtraSearchPath = names(c.ExtraSearchPath)
	if len(c.Schemas) == 0 {
		errs = append(errs, errors.New("FLUXBASE_REST_DB_SCHEMAS is empty: name at least one schema, for example public"))
	}
	for _, s := range c.Schemas {
		if s == "pg_catalog" || s == "information_schema" {
			errs = append(errs, fmt.Errorf("FLUXBASE_REST_DB_SCHEMAS names %s: the system's own schemas can't be exposed; make views in a schema of your own", s))
		}
	}
	if c.MaxRows != nil && *c.MaxRows < 0 {
		errs = append(errs, fmt.Errorf("FLUXBASE_REST_DB_MAX_ROWS is %d: give a positive number, or leave it out for no bound", *c.MaxRows))
	}
	if c.TxEnd == "" {
		c.TxEnd = txEnds[0]
	}
	if !slices.Contains(txEnds, c.TxEnd) {
		errs = append(errs, fmt.Errorf("FLUXBASE_REST_DB_TX_END is %q: choose one of %s", c.TxEnd, strings.Join(txEnds, ", ")))
	}
	if c.OpenAPIMode == "" {
		c.OpenAPIMode = followPrivileges
	}
	if !slices.Contains(openAPIModes, c.OpenAPIMode) {
		errs = append(errs, fmt.Errorf("FLUXBASE_REST_OPENAPI_MODE is %q: choose one of %s", c.OpenAPIMode, strings.Join(openAPIModes, ", ")))
	}
	if c.OpenAPIProxyURI != "" {
		if _, err := parseProxyURI(c.OpenAPIProxyURI); err != nil {
			errs = append(errs, fmt.Errorf("FLUXBASE_REST_OPENAPI_SERVER_PROXY_URI %w: give one like https://example.com:8443/rest/v1", err))
		}
	}
	if c.HoistedTxSettings = names(c.HoistedTxSettings); c.HoistedTxSettings == nil {
		c.HoistedTxSettings = []string{"statement_timeout", "plan_filter.statement_cost_limit", isolationSetting}
	}
	if c.ErrorVerbosity != "" && c.ErrorVerbosity != "verbose" && c.ErrorVerbosity != "minimal" {
		errs = append(errs, fmt.Errorf("FLUXBASE_REST_CLIENT_ERROR_VERBOSITY is %q: give verbose or minimal", c.ErrorVerbosity))
	}
	if strings.ContainsFunc(c.TraceHeader, notOfHeaderName) {
		errs = append(errs, fmt.Errorf("FLUXBASE_REST_SERVER_TRACE_HEADER is %q: give the name of a header, such as X-Trace-Id", c.TraceHeader))
	}
	if c.MaxRecursion <= 0 {
		c.MaxRecursion = 10
	}
	c.ETagsSkip = names(c.ETagsSkip)
	for _, pattern := range c.ETagsSkip {
		if _, err := path.Match(pattern, ""); err != nil {
			errs = append(errs, fmt.Errorf("FLUXBASE_REST_ETAGS_SKIP has %q: close the [, or write \\[ if it is meant", pattern))
		}
	}
	if c.BatchOperations <= 0 {
		c.BatchOperations = 100
	}
	if c.BatchAnswerLimit <= 0 {
		c.BatchAnswerLimit = 10 << 20
	}
	if c.PlanCacheEntries <= 0 {
		c.PlanCacheEntries = 2000
	}
	if c.Streams <= 0 {
		c.Streams = 4
	}
	if c.StreamTimeout <= 0 {
		c.StreamTimeout = time.Hour
	}
	if c.StreamPatience <= 0 {
		c.StreamPatience = time.Minute
	}
	if c.ImportBytes <= 0 {
		c.ImportBytes = 10 << 30
	}
	return errors.Join(errs...)
}

func notOfHeaderName(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
}

const isolationSetting = "default_transaction_isolation"

// hoist gives those settings of a function that must be set before its statement
// begins to have their effect; nil if there is none.
func (c *Config) hoist(all *catalog.Settings) *catalog.Settings {
	if all == nil {
		return nil
	}
	s := new(catalog.Settings)
	for _, one := range all.List {
		if slices.Contains(c.HoistedTxSettings, one.Name) {
			s.List = append(s.List, one)
		}
	}
	if slices.Contains(c.HoistedTxSettings, isolationSetting) {
		s.Isolation = all.Isolation
	}
	if s.List == nil && s.Isolation == "" {
		return nil
	}
	return s
}

// names drops the empty ones and the space around the others.
func names(list []string) []string {
	var out []string
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// Catalog is what the catalogue must hold for this configuration.
func (c *Config) Catalog() catalog.Config {
	return catalog.Config{Schemas: c.Schemas, ExtraSearchPath: c.ExtraSearchPath}
}

func (c *Config) rollsBack() bool      { return strings.HasPrefix(c.TxEnd, "rollback") }
func (c *Config) allowsOverride() bool { return strings.HasSuffix(c.TxEnd, "allow-override") }
