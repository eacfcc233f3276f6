package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

//go:embed indb.sql
var inDatabaseSQL string

// readInDatabase reads the settings that the database holds for the login, by
// PostgREST's names. It calls the pre-config function first.
func readInDatabase(ctx context.Context, db *pg.DB, cfg DropInConfig) (map[string]string, error) {
	if !cfg.DBConfig {
		return nil, nil
	}
	names, err := json.Marshal(inDatabase)
	if err != nil {
		return nil, err
	}
	tx := &pg.Tx{
		Mode: pg.ReadOnly, SearchPath: `"$user", public`,
		Main: pg.Statement{SQL: inDatabaseSQL, Args: [][]byte{names, []byte("false")}},
	}
	if cfg.PreConfig != "" {
		function := pgx.Identifier(strings.SplitN(cfg.PreConfig, ".", 2)).Sanitize()
		tx.Before = []pg.Statement{{SQL: "select " + function + "()"}}
		tx.Main.Args[1] = []byte("true")
	}
	res, err := db.Do(ctx, tx)
	if err != nil {
		return nil, fmt.Errorf("read settings from the database: %w", err)
	}
	defer res.Free()
	settings := map[string]string{}
	if err := json.Unmarshal(res.Values[0], &settings); err != nil {
		return nil, fmt.Errorf("read settings from the database: %w", err)
	}
	return settings, nil
}
