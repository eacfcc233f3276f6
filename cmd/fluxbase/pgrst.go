package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// A setting that PostgREST has too is known by that name as well. The tags of its
// field say more:
//
//	pgrst:"db-schemas,db-schema"  PostgREST's names for it; where there is no such tag,
//	                              FLUXBASE_REST_X is PGRST_X, and "-" is none
//	dropin:"3000"                 the default in drop-in mode
//	empty:"true"                  an empty value counts; elsewhere it means unset
//	file:"true"                   @path means what that file holds
const (
	ownPrefix   = "FLUXBASE_REST_"
	pgrstPrefix = "PGRST_"
	appSettings = "APP_SETTINGS_"
)

// inDatabase are PostgREST's settings that roles and the pre-config function can
// set, as pgrst.NAME. Others would be read too late.
var inDatabase = []string{
	"client_error_verbosity", "db_aggregates_enabled", "db_anon_role", "db_extra_search_path",
	"db_hoisted_tx_settings", "db_max_rows", "db_plan_enabled", "db_pre_request", "db_prepared_statements",
	"db_root_spec", "db_schemas", "db_tx_end", "jwt_aud", "jwt_cache_max_entries", "jwt_role_claim_key",
	"jwt_secret", "jwt_secret_is_base64", "openapi_mode", "openapi_security_active",
	"openapi_server_proxy_uri", "server_cors_allowed_origins", "server_timing_enabled",
	"server_trace_header", "url_use_legacy_target_names",
}

// loader fills Configs from everywhere that settings come from; the first wins:
// our own variables, FLUXBASE_REST_ with PostgREST's name, the database, PGRST_,
// the default.
type loader struct {
	dropIn   bool
	plain    bool              // without PGRST_
	database map[string]string // by PostgREST's name, with underscores
	// from tells by our own name under which one a setting was found.
	from map[string]string
	// known are PostgREST's names that were asked for.
	known map[string]bool
}

func newLoader(f flags, database map[string]string) *loader {
	return &loader{
		plain:    f.plain,
		dropIn:   !f.plain && (os.Getenv("PGRST_DB_URI") != "" || f.restPrefix == "/" || os.Getenv("FLUXBASE_REST_PREFIX") == "/"),
		database: database, from: map[string]string{}, known: map[string]bool{},
	}
}

// fill reads the fields of c that our own variables leave open, and returns all
// values that are not of their field's type.
func (l *loader) fill(c any) (errs []error) {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		own := f.Tag.Get("envconfig")
		if own == "" {
			continue
		}
		names := pgrstNames(f)
		for _, name := range names {
			l.known[pgrstPrefix+name] = true
		}
		if _, set := os.LookupEnv(own); set {
			continue
		}
		value, found := l.find(own, names, f.Tag.Get("empty") == "true")
		if !found && l.dropIn {
			value, found = f.Tag.Lookup("dropin")
		}
		if !found {
			continue
		}
		var err error
		if path, ok := strings.CutPrefix(value, "@"); ok && f.Tag.Get("file") == "true" {
			value, err = readSetting(path)
		}
		if err == nil {
			err = setField(v.Field(i), value)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %w", own, err))
		}
	}
	return errs
}

// pgrstNames are the names that a field has in PostgREST, as its variables write
// them without their prefix.
func pgrstNames(f reflect.StructField) []string {
	tag, ok := f.Tag.Lookup("pgrst")
	if !ok {
		tag, ok = strings.CutPrefix(f.Tag.Get("envconfig"), ownPrefix)
	}
	if !ok || tag == "-" {
		return nil
	}
	return strings.Split(strings.ToUpper(strings.ReplaceAll(tag, "-", "_")), ",")
}

func (l *loader) find(own string, names []string, empty bool) (value string, found bool) {
	for _, name := range names {
		for _, source := range []struct {
			name   string
			lookup func(string) (string, bool)
		}{
			{ownPrefix + name, os.LookupEnv},
			{"pgrst." + strings.ToLower(name), l.inDatabase},
			{pgrstPrefix + name, l.pgrst},
		} {
			if value, found = source.lookup(source.name); found && (empty || value != "") {
				l.from[own] = source.name
				return value, true
			}
		}
	}
	return "", false
}

func (l *loader) pgrst(name string) (string, bool) {
	if l.plain {
		return "", false
	}
	return os.LookupEnv(name)
}

func (l *loader) inDatabase(name string) (string, bool) {
	value, ok := l.database[strings.TrimPrefix(name, "pgrst.")]
	return value, ok
}

// streams are the texts of what can be read only once, such as /dev/stdin: settings
// are looked at again after the database was asked, and at each reload.
var streams = map[string]string{}

// readSetting gives the text of a file, without the new line at its end.
func readSetting(path string) (string, error) {
	if text, ok := streams[path]; ok {
		return text, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		var cause *os.PathError
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return "", fmt.Errorf("names a file after @ that can't be read: %w", err)
	}
	setting := strings.TrimSuffix(string(text), "\n")
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		streams[path] = setting
	}
	return setting, nil
}

// setField takes a value as PostgREST writes it: any spelling of true and false,
// and times as seconds.
func setField(v reflect.Value, text string) error {
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = text
		return nil
	case *[]string:
		*p = []string{}
		for s := range strings.SplitSeq(text, ",") {
			if s = strings.TrimSpace(s); s != "" {
				*p = append(*p, s)
			}
		}
		return nil
	case *bool:
		on, err := readBool(text)
		*p = on
		return wrongType(err, text, "true or false")
	case *time.Duration:
		if n, err := strconv.ParseInt(text, 10, 32); err == nil {
			*p = time.Duration(n) * time.Second
			return nil
		}
		d, err := time.ParseDuration(text)
		*p = d
		return wrongType(err, text, "a number of seconds")
	case **int64:
		*p = new(int64)
		return setField(v.Elem(), text)
	default:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
		return wrongType(err, text, "a whole number")
	}
}

func wrongType(err error, value, want string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("is %q: give %s", value, want)
}

var notLetter = regexp.MustCompile(`[^A-Za-z]`)

func readBool(text string) (bool, error) {
	switch strings.ToLower(notLetter.ReplaceAllString(text, "")) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n > 0, err
}

var settingName = regexp.MustCompile(`^app\.settings(\.[a-z_][a-z0-9_$]*)+$`)

// appSettings are the variables PGRST_APP_SETTINGS_X, and ours, as settings
// app.settings.x of a transaction.
func (l *loader) appSettings() (list []pg.Setting, errs []error) {
	found := map[string]string{}
	prefixes := []string{pgrstPrefix + appSettings, ownPrefix + appSettings}
	if l.plain {
		prefixes = prefixes[1:]
	}
	for _, prefix := range prefixes {
		for _, kv := range os.Environ() {
			variable, value, _ := strings.Cut(kv, "=")
			name, ok := strings.CutPrefix(variable, prefix)
			if !ok {
				continue
			}
			l.known[variable] = true
			// Postgres doesn't tell cases apart in names of settings.
			name = "app.settings." + strings.ToLower(name)
			if !settingName.MatchString(name) {
				errs = append(errs, fmt.Errorf("%s names a setting %s, which Postgres can't have: use letters, digits and _", variable, name))
				continue
			}
			found[name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		list = append(list, pg.Setting{Name: name, Value: found[name]})
	}
	return list, errs
}

// unknown are the variables of PostgREST that say nothing to us.
func (l *loader) unknown() (list []string) {
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, pgrstPrefix) && !l.known[name] && !l.plain {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// named puts the name under which a setting was given in the place of our own.
func (l *loader) named(text string) string {
	// The longest first: the name of one setting may begin another's.
	own := slices.SortedFunc(maps.Keys(l.from), func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, name := range own {
		pairs = append(pairs, name, l.from[name])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
