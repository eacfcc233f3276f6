package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

func TestDropInHasPostgRESTsDefaults(t *testing.T) {
	setenv(t, nil)
	s, err := loadSettings(flags{restPrefix: "/"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !s.dropIn || s.Server.Address() != "0.0.0.0:3000" || s.Server.MetricsAddress != "off" || s.JWT.AnonRole != "" ||
		s.DB.DatabaseURL != "postgresql://" || s.DB.MaxConnections != 10 || s.Main.LogLevel != "error" || s.Rest.Prefix != "/" ||
		!reflect.DeepEqual(s.Rest.ExtraSearchPath, []string{"public"}) || s.live().Errors != web.Strict || s.Server.Compression {
		t.Errorf("got %+v", s)
	}
	setenv(t, map[string]string{"FLUXBASE_DATABASE_URL": goodURL, "PGRST_DB_SCHEMAS": "api"})
	if s, err = loadSettings(flags{}, nil); err != nil {
		t.Fatal(err)
	}
	if s.dropIn || s.Server.Port != 8080 || s.JWT.AnonRole != "anon" || s.live().Errors != web.Plain || s.Rest.Schemas[0] != "api" || !s.Server.Compression {
		t.Errorf("not a drop-in: %+v", s)
	}
}

func TestDevIsNoDropIn(t *testing.T) {
	setenv(t, map[string]string{"FLUXBASE_DATABASE_URL": goodURL, "PGRST_DB_URI": goodURL, "PGRST_DB_SCHEMAS": "api", "PGRST_APP_SETTINGS_A": "1"})
	s, err := loadSettings(flags{plain: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.dropIn || s.Rest.Schemas[0] != "public" || s.Rest.AppSettings != nil || s.ignored != nil {
		t.Errorf("got %+v", s)
	}
}

func TestSettingsHavePostgRESTsNamesAndSpellings(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		inDB map[string]string
		got  func(*settings) any
		want any
	}{
		{map[string]string{"PGRST_DB_SCHEMA": "a, b"}, nil, func(s *settings) any { return s.Rest.Schemas }, []string{"a", "b"}},
		{map[string]string{"PGRST_DB_SCHEMAS": "a", "PGRST_DB_SCHEMA": "b"}, nil, func(s *settings) any { return s.Rest.Schemas }, []string{"a"}},
		{map[string]string{"PGRST_DB_EXTRA_SEARCH_PATH": ""}, nil, func(s *settings) any { return len(s.Rest.ExtraSearchPath) }, 0},
		{map[string]string{"PGRST_DB_POOL_TIMEOUT": "7"}, nil, func(s *settings) any { return s.DB.MaxIdleTime }, 7 * time.Second},
		{map[string]string{"FLUXBASE_REST_DB_POOL": "4"}, nil, func(s *settings) any { return s.DB.MaxConnections }, 4},
		{map[string]string{"PGRST_DB_AGGREGATES_ENABLED": "'True'"}, nil, func(s *settings) any { return s.Rest.AggregatesEnabled }, true},
		{map[string]string{"PGRST_DB_AGGREGATES_ENABLED": "1"}, nil, func(s *settings) any { return s.Rest.AggregatesEnabled }, true},
		{map[string]string{"PGRST_DB_PREPARED_STATEMENTS": "0"}, nil, func(s *settings) any { return s.DB.PreparedStatements }, false},
		{map[string]string{"PGRST_SERVER_HOST": "*6"}, nil, func(s *settings) any { return s.Server.Address() }, "[::]:3000"},
		{map[string]string{"PGRST_SERVER_HOST": ""}, nil, func(s *settings) any { return s.Server.Address() }, "0.0.0.0:3000"},
		{map[string]string{"PGRST_LOG_LEVEL": "crit"}, nil, func(s *settings) any { return s.Main.LogLevel }, "crit"},
		{map[string]string{"PGRST_SERVER_HOST": "127.0.0.1", "PGRST_ADMIN_SERVER_PORT": "3001"}, nil, func(s *settings) any { return s.Server.MetricsAddress }, "127.0.0.1:3001"},
		{
			map[string]string{"PGRST_APP_SETTINGS_B": "2", "PGRST_APP_SETTINGS_A": "1", "FLUXBASE_REST_APP_SETTINGS_B": "3"},
			nil,
			func(s *settings) any { return s.Rest.AppSettings },
			[]pg.Setting{{Name: "app.settings.a", Value: "1"}, {Name: "app.settings.b", Value: "3"}},
		},
		{map[string]string{"PGRST_DB_MAX_ROWS": "5"}, map[string]string{"db_max_rows": "6"}, func(s *settings) any { return s.Rest.MaxRows }, new(int64(6))},
		{map[string]string{"FLUXBASE_REST_DB_MAX_ROWS": "5"}, map[string]string{"db_max_rows": "6"}, func(s *settings) any { return s.Rest.MaxRows }, new(int64(5))},
		{map[string]string{"PGRST_TELEPORT": "/s", "PGRST_DB_POOL": "1"}, nil, func(s *settings) any { return s.ignored }, []string{"PGRST_TELEPORT"}},
		{map[string]string{"PGRST_SERVER_UNIX_SOCKET": "/s", "PGRST_SERVER_UNIX_SOCKET_MODE": "600"}, nil, func(s *settings) any { return s.public() }, endpoint{network: "unix", address: "/s", mode: 0o600, variable: "FLUXBASE_SERVER_UNIX_SOCKET"}},
		{map[string]string{"PGRST_SERVER_REUSEPORT": "true"}, nil, func(s *settings) any { return s.public().reusePort }, true},
		{map[string]string{"PGRST_LOG_QUERY": "true"}, nil, func(s *settings) any { return s.live().LogSQL }, true},
		{map[string]string{"PGRST_ADMIN_SERVER_UNIX_SOCKET": "/a", "PGRST_ADMIN_SERVER_PORT": "3001"}, nil, func(s *settings) any { at, _ := s.admin(); return at.address }, "/a"},
	} {
		tt.env["PGRST_DB_URI"] = goodURL
		setenv(t, tt.env)
		s, err := loadSettings(flags{}, tt.inDB)
		if err != nil {
			t.Errorf("%v: %v", tt.env, err)
			continue
		}
		if got := tt.got(s); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v %v: got %v, want %v", tt.env, tt.inDB, got, tt.want)
		}
	}
}

func TestMistakesInTheDatabaseAreNamedToo(t *testing.T) {
	setenv(t, map[string]string{"PGRST_DB_URI": goodURL})
	_, err := loadSettings(flags{}, map[string]string{"db_max_rows": "many", "db_tx_end": "maybe"})
	if err == nil || !strings.Contains(err.Error(), "pgrst.db_max_rows is") || !strings.Contains(err.Error(), "pgrst.db_tx_end is") {
		t.Errorf("got %v", err)
	}
}
