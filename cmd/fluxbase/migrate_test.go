package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/sql"
)

func TestNewMigrationIsNumberedAndReadable(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "here")
	for _, tt := range []struct{ name, want string }{
		{"add_tasks", "0001_add_tasks.sql"},
		{"Rename Tasks.title -> name!", "0002_rename_tasks_title_name.sql"},
		{"../../etc/passwd", "0003_etc_passwd.sql"},
	} {
		path, err := newMigration(dir, tt.name)
		if err != nil || path != filepath.Join(dir, tt.want) {
			t.Errorf("%s: got %s, want %s (%v)", tt.name, path, tt.want, err)
		}
		// The text that we wrote plus one statement is what tern reads, all of it
		// above the line, and in a transaction in spite of its own example.
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append([]byte("select 1;\n"), text...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	set, err := sql.Folder(os.DirFS(dir), "")
	if err != nil {
		t.Fatal(err)
	}
	_, forward, err := set.Script()
	if err != nil || len(forward) != 3 {
		t.Fatalf("%d migrations: %v", len(forward), err)
	}
	for _, text := range forward {
		if strings.Contains(text, "undo it") || strings.Contains(text, "\n---- tern") {
			t.Errorf("the forward part is %s", text)
		}
	}
}

func TestAdminURLComesFromEither(t *testing.T) {
	for _, tt := range []struct{ admin, plain, want string }{
		{"", "", ""}, {"a", "", "a"}, {"", "b", "b"}, {"a", "b", "a"},
	} {
		t.Setenv("FLUXBASE_ADMIN_DATABASE_URL", tt.admin)
		t.Setenv("DATABASE_URL", tt.plain)
		c, err := loadAdminConfig()
		if tt.want == "" {
			if err == nil || !strings.Contains(err.Error(), "set FLUXBASE_ADMIN_DATABASE_URL") {
				t.Errorf("without any: %v", err)
			}
		} else if err != nil || c.url() != tt.want {
			t.Errorf("%q and %q: %v", tt.admin, tt.plain, err)
		}
	}
}
