package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/kelseyhightower/envconfig"

	"github.com/fluxbase/fluxbase/proxy"
	"github.com/fluxbase/fluxbase/proxy/auth/captcha"
	"github.com/fluxbase/fluxbase/proxy/auth/mail"
	"github.com/fluxbase/fluxbase/proxy/auth/password"
	"github.com/fluxbase/fluxbase/proxy/fetch"
	"github.com/fluxbase/fluxbase/proxy/functions"
	"github.com/fluxbase/fluxbase/proxy/idempotency"
	"github.com/fluxbase/fluxbase/proxy/jobs/dispatch"
	"github.com/fluxbase/fluxbase/proxy/limit"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/rest"
	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/trace"
	"github.com/fluxbase/fluxbase/replication"
	"github.com/fluxbase/fluxbase/replication/realtime"
)

// Config is what the process itself needs to know; each package has its own.
type Config struct {
	Modules   []string `envconfig:"FLUXBASE_MODULES" default:"all" desc:"Capabilities to serve, comma separated: rest, auth, realtime, jobs, functions, admin; or all. realtime needs FLUXBASE_REPLICATION_DATABASE_URL; auth needs FLUXBASE_ENCRYPTION_KEY and FLUXBASE_SERVICE_DATABASE_URL, jobs and functions the latter, and functions Deno. With rest alone nothing of ours needs to be installed in the database."`
	LogLevel  string   `envconfig:"FLUXBASE_LOG_LEVEL" default:"info" pgrst:"log-level" dropin:"error" desc:"debug, info (a line for each request), warn, error (failures of the server only), or crit (nearly nothing). In PostgREST's place warn has what is answered with 4xx too, and error all 5xx."`
	LogQuery  bool     `envconfig:"FLUXBASE_LOG_QUERY" default:"false" pgrst:"log-query" desc:"Add the SQL of a request to its line in the log; the values are not in it."`
	LogFormat string   `envconfig:"FLUXBASE_LOG_FORMAT" default:"json" desc:"json for machines, text for people."`
	PublicURL string   `envconfig:"FLUXBASE_PUBLIC_URL" desc:"Where clients reach this server, https://api.example.com, for what names it in answers: the servers of the OpenAPI document. Never taken from Host or X-Forwarded-Host, which are what a client likes. Without it, the address listened on."`
}

// modules are the capabilities that FLUXBASE_MODULES can name.
var modules = []string{"rest", "auth", "realtime", "jobs", "functions", "admin"}

// Check reports every setting that means nothing.
func (c *Config) Check() error {
	var errs []error
	for _, m := range c.Modules {
		if m != "all" && !slices.Contains(modules, m) {
			errs = append(errs, fmt.Errorf("FLUXBASE_MODULES names %q: give all, or some of %s", m, strings.Join(modules, ", ")))
		}
	}
	if len(c.Modules) == 0 {
		errs = append(errs, errors.New("FLUXBASE_MODULES is empty: give all, or some of "+strings.Join(modules, ", ")))
	}
	if _, err := c.level(); err != nil {
		errs = append(errs, fmt.Errorf("FLUXBASE_LOG_LEVEL is %q: give debug, info, warn, error or crit", c.LogLevel))
	}
	if c.LogFormat != "json" && c.LogFormat != "text" {
		errs = append(errs, fmt.Errorf("FLUXBASE_LOG_FORMAT is %q: give json or text", c.LogFormat))
	}
	if u, err := url.Parse(c.PublicURL); c.PublicURL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || c.PublicURL != u.Scheme+"://"+u.Host || u.Hostname() == "") {
		errs = append(errs, fmt.Errorf("FLUXBASE_PUBLIC_URL is %q: give scheme and host without a path, https://api.example.com", c.PublicURL))
	}
	return errors.Join(errs...)
}

const levelCrit = slog.LevelError + 4

// level is that of the log; crit is PostgREST's word for one above error.
func (c *Config) level() (level slog.Level, err error) {
	if c.LogLevel == "crit" {
		return levelCrit, nil
	}
	err = level.UnmarshalText([]byte(c.LogLevel))
	return level, err
}

func (c *Config) on(module string) bool {
	return slices.Contains(c.Modules, "all") || slices.Contains(c.Modules, module)
}

// settings are all the Configs of a serving process.
type settings struct {
	Main   Config
	Server proxy.Config
	DB     pg.Config
	JWT    token.Config
	Seal   seal.Config
	Rest   rest.Config
	// Idempotency is for what is beyond PostgREST in Rest.
	Idempotency idempotency.Config
	DropIn      DropInConfig
	Stream      replication.Config
	// Realtime is served where there is a stream.
	Realtime  realtime.Config
	Passwords password.Config
	Fetch     fetch.Config
	Captcha   captcha.Config
	Mail      mail.Config
	Limit     limit.Config
	Jobs      dispatch.Config
	Functions functions.Config
	Trace     trace.Config

	dropIn bool
	// dev says that nobody is served but who develops: mails without a server are printed.
	dev bool
	// ignored are variables that PostgREST may know, but not we.
	ignored []string
}

// DropInConfig is what matters only in PostgREST's place: where PGRST_DB_URI is
// given, or the prefix is /.
type DropInConfig struct {
	DBConfig            bool   `envconfig:"FLUXBASE_REST_DB_CONFIG" default:"true" desc:"Read settings from the database too: those of the login's role (alter role authenticator set pgrst.db_schemas to 'api'), which come before PGRST_ variables."`
	PreConfig           string `envconfig:"FLUXBASE_REST_DB_PRE_CONFIG" desc:"Function, as SCHEMA.NAME, that is called before settings are read from the database, to set them with set_config."`
	Channel             string `envconfig:"FLUXBASE_REST_DB_CHANNEL" default:"pgrst" desc:"Channel on which NOTIFY asks for a new look at the schema ('reload schema'), the configuration ('reload config') or both ('')."`
	ChannelEnabled      bool   `envconfig:"FLUXBASE_REST_DB_CHANNEL_ENABLED" default:"true" desc:"Listen on the channel, with a connection of its own that no transaction pooler may be in the way of."`
	AdminHost           string `envconfig:"FLUXBASE_REST_ADMIN_SERVER_HOST" pgrst:"admin-server-host,server-host" desc:"Address of the admin port. Empty: that of the server."`
	AdminPort           int    `envconfig:"FLUXBASE_REST_ADMIN_SERVER_PORT" default:"0" desc:"Port of /live, /ready and /metrics. 0 has none."`
	AdminUnixSocket     string `envconfig:"FLUXBASE_REST_ADMIN_SERVER_UNIX_SOCKET" desc:"Path of a Unix socket for them, in place of host and port."`
	AdminUnixSocketMode string `envconfig:"FLUXBASE_REST_ADMIN_SERVER_UNIX_SOCKET_MODE" default:"660" desc:"Permissions of that socket, octal, 600 to 777."`
	AutomaticRecovery   bool   `envconfig:"FLUXBASE_REST_DB_POOL_AUTOMATIC_RECOVERY" default:"true" desc:"Go on without the database and wait for it. false ends the process with status 1 when it can't be reached, or is lost, for a supervisor to decide."`
}

// Check reports what can't be.
func (c *DropInConfig) Check() error {
	var errs []error
	if c.AdminPort < 0 || c.AdminPort > 65535 {
		errs = append(errs, fmt.Errorf("FLUXBASE_REST_ADMIN_SERVER_PORT is %d: give a port from 1 to 65535, or 0 for none", c.AdminPort))
	}
	if _, err := proxy.SocketMode(c.AdminUnixSocketMode); err != nil {
		errs = append(errs, fmt.Errorf("FLUXBASE_REST_ADMIN_SERVER_UNIX_SOCKET_MODE %w", err))
	}
	return errors.Join(errs...)
}

const metricsVariable = "FLUXBASE_SERVER_METRICS_ADDRESS"

// flags are the settings that serve takes as arguments too.
type flags struct {
	modules    []string
	restPrefix string
	// plain tells a server that never takes a PostgREST's place, so that what is
	// set for one says nothing to it.
	plain bool
}

// checker is what each Config can do: apply defaults, and report all mistakes.
type checker interface{ Check() error }

// all lists the Configs; docs/reference/config.md is generated from it.
func (s *settings) all() []checker {
	return []checker{&s.Main, &s.Server, &s.DB, &s.JWT, &s.Seal, &s.Rest, &s.Idempotency, &s.DropIn, &s.Stream, &s.Realtime, &s.Passwords, &s.Mail, &s.Fetch, &s.Captcha, &s.Limit, &s.Trace, &s.Jobs, &s.Functions}
}

// loadSettings reads the environment and, in drop-in mode, what the database has
// said. Its error lists every mistake, one a line, so that nobody has to start ten
// times to mend ten.
func loadSettings(f flags, database map[string]string) (*settings, error) {
	s := new(settings)
	l := newLoader(f, database)
	s.dropIn, s.dev = l.dropIn, f.plain
	var errs []error
	for _, c := range s.all() {
		errs = append(errs, parseEnv(c)...)
		errs = append(errs, l.fill(c)...)
	}
	if f.modules != nil {
		s.Main.Modules = f.modules
	}
	if f.restPrefix != "" {
		s.Rest.Prefix = f.restPrefix
	}
	// A name alone is our own way to say it; PostgREST refuses it.
	if from := l.from["FLUXBASE_JWT_ROLE_CLAIM"]; from != "" && !strings.ContainsAny(s.JWT.RoleClaim[:1], "$.") {
		errs = append(errs, fmt.Errorf("%s is %q: give a path such as $.role", from, s.JWT.RoleClaim))
	}
	list, wrong := l.appSettings()
	s.Rest.AppSettings, errs = list, append(errs, wrong...)
	if s.DropIn.AdminPort > 0 && os.Getenv(metricsVariable) == "" {
		admin := proxy.Config{Host: cmp.Or(s.DropIn.AdminHost, s.Server.Host), Port: s.DropIn.AdminPort}
		s.Server.MetricsAddress = admin.Address()
		if s.DropIn.AdminPort == s.Server.Port && s.Server.UnixSocket == "" {
			errs = append(errs, fmt.Errorf("FLUXBASE_REST_ADMIN_SERVER_PORT is %d, and so is FLUXBASE_SERVER_PORT: give two ports", s.Server.Port))
		}
	}
	for _, c := range s.all() {
		errs = append(errs, split(c.Check())...)
	}
	if slices.Contains(s.Main.Modules, "realtime") && s.Stream.DatabaseURL == "" {
		errs = append(errs, errors.New("FLUXBASE_MODULES names realtime, which needs FLUXBASE_REPLICATION_DATABASE_URL"))
	}
	for _, module := range []string{"jobs", "functions"} {
		if slices.Contains(s.Main.Modules, module) && s.DB.ServiceDatabaseURL == "" {
			errs = append(errs, fmt.Errorf("FLUXBASE_MODULES names %s, and %w", module, errNoService))
		}
	}
	if slices.Contains(s.Main.Modules, "auth") {
		for _, err := range split(s.missingForAuth()) {
			errs = append(errs, fmt.Errorf("FLUXBASE_MODULES names auth, and %w", err))
		}
	}
	s.ignored = l.unknown()
	if len(errs) == 0 {
		return s, nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d setting(s) in the environment are wrong:", len(errs))
	for _, err := range errs {
		fmt.Fprintf(&b, "\n  - %s", l.named(err.Error()))
	}
	return nil, usageError{errors.New(b.String())}
}

// parseEnv fills c and returns all values that are not of their field's type;
// their fields keep the default. envconfig stops at the first, so each one found
// is taken out of its sight.
func parseEnv(c any) (errs []error) {
	var restore []func()
	defer func() {
		for _, f := range restore {
			f()
		}
	}()
	for {
		err := envconfig.Process("", c)
		if err == nil {
			return errs
		}
		var parse *envconfig.ParseError
		if !errors.As(err, &parse) {
			return append(errs, err)
		}
		value, set := os.LookupEnv(parse.KeyName)
		errs = append(errs, fmt.Errorf("%s is %q: give a value of type %s", parse.KeyName, value, describeType(parse.TypeName)))
		if !set {
			return errs
		}
		restore = append(restore, func() { os.Setenv(parse.KeyName, value) })
		os.Unsetenv(parse.KeyName)
	}
}

func describeType(goType string) string {
	switch goType {
	case "time.Duration":
		return "duration (250ms, 30s, 5m)"
	case "bool":
		return "true or false"
	case "int", "int64", "*int64":
		return "whole number"
	default:
		return goType
	}
}

// split undoes errors.Join, so that each mistake gets a line.
func split(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range joined.Unwrap() {
			out = append(out, split(e)...)
		}
		return out
	}
	return []error{err}
}
