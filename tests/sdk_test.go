package tests

import (
	"os"
	osexec "os/exec"
	"sync"
	"testing"
)

// buildSDK compiles sdk/js, once for all tests.
var buildSDK = sync.OnceValues(func() ([]byte, error) {
	cmd := osexec.Command("npm", "run", "--silent", "build")
	cmd.Dir = "../sdk/js"
	return cmd.CombinedOutput()
})

func builtSDK(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("../sdk/js/node_modules/@supabase/supabase-js"); err != nil {
		t.Fatal("the packages of the SDK are not installed: make test installs them, or: cd sdk/js && npm ci --ignore-scripts")
	}
	if out, err := buildSDK(); err != nil {
		t.Fatalf("npm run build: %v\n%s", err, out)
	}
}

func TestSDK(t *testing.T) {
	t.Parallel()
	builtSDK(t)
	s := startServer(t, notesDB(t))
	runNode(t, s, "../../sdk/js/test/sdk.test.mjs")
	noServerErrors(t, s)
}

// What the SDK's functions give is typed as the query is that they are given.
func TestTypesOfTheSDK(t *testing.T) {
	t.Parallel()
	builtSDK(t)
	cmd := osexec.CommandContext(t.Context(), "node", "node_modules/typescript/bin/tsc", "-p", "tsconfig.test.json")
	cmd.Dir = "../sdk/js"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tsc: %v\n%s", err, out)
	}
}

func TestSDKInChromium(t *testing.T) {
	t.Parallel()
	builtSDK(t)
	s := startServer(t, notesDB(t))
	runNode(t, s, "../../sdk/js/test/browser.test.mjs", "FLUXBASE_TEST_CHROMIUM="+chromium(t))
	noServerErrors(t, s)
}
