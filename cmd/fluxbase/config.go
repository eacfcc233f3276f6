package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/kelseyhightower/envconfig"

	"github.com/fluxbase/fluxbase/proxy"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/rest"
	"github.com/fluxbase/fluxbase/proxy/token"
)

// Config is what the process itself needs to know; each package has its own.
type Config struct {
	Modules   []string `envconfig:"FLUXBASE_MODULES" default:"all" desc:"Capabilities to serve, comma separated: rest; or all. With rest alone nothing of ours needs to be installed in the database."`
	LogLevel  string   `envconfig:"FLUXBASE_LOG_LEVEL" default:"info" desc:"debug, info (a line for each request), warn, or error (failures of the server only)."`
	LogFormat string   `envconfig:"FLUXBASE_LOG_FORMAT" default:"json" desc:"json for machines, text for people."`
}

// modules are the capabilities that FLUXBASE_MODULES can name.
var modules = []string{"rest"}

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
	if err := new(slog.Level).UnmarshalText([]byte(c.LogLevel)); err != nil {
		errs = append(errs, fmt.Errorf("FLUXBASE_LOG_LEVEL is %q: give debug, info, warn or error", c.LogLevel))
	}
	if c.LogFormat != "json" && c.LogFormat != "text" {
		errs = append(errs, fmt.Errorf("FLUXBASE_LOG_FORMAT is %q: give json or text", c.LogFormat))
	}
	return errors.Join(errs...)
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
	Rest   rest.Config
}

// checker is what each Config can do: apply defaults, and report all mistakes.
type checker interface{ Check() error }

// all lists the Configs; docs/reference/config.md is generated from it.
func (s *settings) all() []checker {
	return []checker{&s.Main, &s.Server, &s.DB, &s.JWT, &s.Rest}
}

// loadSettings reads the environment. Its error lists every mistake in it, one
// a line, so that nobody has to start ten times to mend ten.
func loadSettings() (*settings, error) {
	s := new(settings)
	var errs []error
	for _, c := range s.all() {
		errs = append(errs, parseEnv(c)...)
		errs = append(errs, split(c.Check())...)
	}
	if len(errs) == 0 {
		return s, nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d setting(s) in the environment are wrong:", len(errs))
	for _, err := range errs {
		fmt.Fprintf(&b, "\n  - %v", err)
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
	case "int", "int64":
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
