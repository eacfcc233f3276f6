package main

import "testing"

func TestDatabasesOnThisMachine(t *testing.T) {
	t.Parallel()
	for database, want := range map[string]bool{
		"postgres://a:b@127.0.0.1:6432/app":     true,
		"postgres://a:b@[::1]/app":              true,
		"postgres://a:b@localhost/app":          true,
		"host=/var/run/postgresql dbname=app":   true,
		"postgres://a:b@10.0.0.1/app":           false,
		"postgres://a:b@db.example.com:5432/a":  false,
		"postgres://a:b@localhost.example.com/": false,
		"postgres://%zz":                        false,
	} {
		if got := onThisMachine(database); got != want {
			t.Errorf("%s: got %t", database, got)
		}
	}
}
