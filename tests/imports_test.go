package tests

import (
	"encoding/json"
	"errors"
	"io"
	osexec "os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/fluxbase/fluxbase/"

// Leaves of proxy know nothing of the packages above them. Every other package
// under proxy is a capability.
var leaves = []string{
	"proxy/pg", "proxy/web", "proxy/seal", "proxy/token", "proxy/catalog", "proxy/query", "proxy/changes", "proxy/wait", "proxy/trace", "proxy/consumer", "proxy/idempotency",
	"proxy/fetch", "proxy/auth/password", "proxy/auth/password/aside", "proxy/auth/mail", "proxy/auth/hook", "proxy/auth/captcha", "proxy/auth/oidc", "proxy/auth/totp", "proxy/auth/passkey", "proxy/webhook", "proxy/jobs/wake", "proxy/jobs/dispatch", "proxy/functions/worker",
}

// layer returns the place of a package in cmd -> proxy -> capabilities -> leaves.
func layer(path string) string {
	top, _, _ := strings.Cut(path, "/")
	switch {
	case path == "proxy":
		return "proxy"
	case slices.Contains(leaves, path):
		return "leaf"
	case top == "proxy":
		return "capability"
	}
	return top
}

// mayImport says which layers a layer may import, itself only where it is listed.
var mayImport = map[string][]string{
	"leaf":        {"leaf"},
	"capability":  {"leaf"},
	"proxy":       {"capability", "leaf"},
	"replication": {"leaf", "replication"},
	"sql":         {},
	"plpgsql":     {"sql"},
	"cmd":         {"cmd", "proxy", "capability", "leaf", "replication", "sql", "plpgsql"},
	"tests":       {"cmd", "proxy", "capability", "leaf", "replication", "sql", "plpgsql", "tests"},
}

// offences lists the imports that break the diamond.
func offences(imports map[string][]string) []string {
	var found []string
	for from, list := range imports {
		for _, to := range list {
			if to == from {
				continue // a test of the package from outside
			}
			if !slices.Contains(mayImport[layer(from)], layer(to)) {
				found = append(found, from+" imports "+to)
			}
		}
	}
	slices.Sort(found)
	return found
}

func TestImportsFormADiamond(t *testing.T) {
	t.Parallel()
	out, err := osexec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string][]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		from := strings.TrimPrefix(p.ImportPath, module)
		imports[from] = nil
		for _, to := range p.Imports {
			if ours, ok := strings.CutPrefix(to, module); ok {
				imports[from] = append(imports[from], ours)
			}
		}
	}
	if len(imports) < len(leaves) {
		t.Fatalf("go list names only %d packages", len(imports))
	}
	for _, offence := range offences(imports) {
		t.Error(offence)
	}

	planted := map[string][]string{"proxy/rest": {"proxy/auth"}, "proxy/web": {"proxy/rest"}, "proxy/pg": {"proxy/web"}}
	want := []string{"proxy/rest imports proxy/auth", "proxy/web imports proxy/rest"}
	if got := offences(planted); !slices.Equal(got, want) {
		t.Errorf("planted offences: got %q, want %q", got, want)
	}
}
