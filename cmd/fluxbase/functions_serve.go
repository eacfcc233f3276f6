package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/fluxbase/fluxbase/proxy"
	"github.com/fluxbase/fluxbase/proxy/functions"
	"github.com/fluxbase/fluxbase/proxy/functions/worker"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/token"
)

// functionsDev is one run of functions serve.
type functionsDev struct {
	dir, envFile, address string
	noVerify              bool
	out                   io.Writer

	set  settings
	deno string
}

func newFunctionsServeCmd() *cobra.Command {
	d := new(functionsDev)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the functions of a folder while you write them",
		Long: `Each folder of --dir that holds an index.ts (or .js, .tsx, .jsx, .mjs) is a function, as
supabase functions new makes them; folders whose names begin with _ or . are none.
config.toml beside --dir is read as by functions deploy. They are served at /functions/v1/NAME, in the same sandbox and with the same limits
as elsewhere. What is saved is served from the next request on. What functions say
is printed, and which requests they answer.

Needs Deno 2 (FLUXBASE_DENO_BIN, or deno of PATH), and no database. Callers are
checked as elsewhere where FLUXBASE_JWT_SECRET is set; with FLUXBASE_DATABASE_URL
that also takes service keys, and tokens that were signed there. SUPABASE_URL of the
functions is FLUXBASE_PUBLIC_URL, or http://127.0.0.1:8080, where fluxbase dev is.`,
		Example: `  fluxbase functions serve
  fluxbase functions serve --dir functions --env-file functions/.env.local
  curl http://127.0.0.1:8081/functions/v1/hello -d '{"name": "Ada"}'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.out = cmd.OutOrStdout()
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&d.dir, "dir", "supabase/functions", "folder of the functions")
	cmd.Flags().StringVar(&d.envFile, "env-file", "", "file of NAME=value lines, for the environment of the functions; without it, .env in the folder, if there is one")
	cmd.Flags().StringVar(&d.address, "address", "127.0.0.1:8081", "HOST:PORT to listen on")
	cmd.Flags().BoolVar(&d.noVerify, "no-verify-jwt", false, "let all requests in, whatever key or token they have")
	return cmd
}

func (d *functionsDev) run(ctx context.Context) error {
	if err := d.configure(); err != nil {
		return err
	}
	var background sync.WaitGroup
	defer background.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	console := newConsole(d.out)
	log := slog.New(slog.NewTextHandler(d.out, &slog.HandlerOptions{Level: slog.LevelWarn}))
	source := &folder{dir: d.dir, envFile: d.envFile, deno: d.deno, verify: !d.noVerify, say: console.say}
	if err := source.look(); err != nil {
		return err
	}
	tokens, closeDB, err := d.tokens(ctx, log, &background)
	if err != nil {
		return err
	}
	defer closeDB()
	if tokens == nil {
		console.say("FLUXBASE_JWT_SECRET is not set: nobody's key or token is checked")
	}
	l, err := endpoint{network: "tcp", address: d.address, variable: "--address"}.listen(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	keys, err := functionKeys(&d.set)
	if err != nil {
		return err
	}
	url := d.set.Main.PublicURL
	if url == "" {
		url = "http://127.0.0.1:8080"
	}
	dir, reg := &workDir{given: d.set.Functions.Dir}, prometheus.NewRegistry()
	handler := functions.New(d.set.Functions, functions.Deps{
		Source: source, Tokens: tokens, Recorder: console, Metrics: functions.NewMetrics(reg), ServiceKey: keys.Service,
		Environment: functions.NewEnvironment(d.set.Functions, url, keys), Process: "serve", Log: log,
		NewPool: func(output functions.Output) (*worker.Pool, error) {
			return newPool(&d.set, d.deno, dir, url, output, log)
		},
	})
	background.Go(func() { source.watch(ctx, handler.Changed) })
	handler.Changed(source.current())
	server := proxy.New(d.set.Server, proxy.Deps{Log: log, Reg: reg, Functions: handler.Serve})
	for _, name := range source.names() {
		console.say("http://" + l.Addr().String() + functions.Prefix + "/" + name)
	}
	console.say("serving " + d.dir + "; Ctrl-C stops")
	err = server.Serve(ctx, l)
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), functionsGrace)
	defer stop()
	return errors.Join(err, handler.Close(end), dir.remove())
}

// configure reads the environment, of which less is needed than to serve a database.
func (d *functionsDev) configure() error {
	s := &d.set
	var errs []error
	for _, c := range []checker{&s.Main, &s.Server, &s.JWT, &s.Functions} {
		errs = append(errs, parseEnv(c)...)
		errs = append(errs, split(c.Check())...)
	}
	errs = append(errs, parseEnv(&s.DB)...)
	s.Server.DrainDelay = 0 // no balancer looks at us
	if info, err := os.Stat(d.dir); err != nil || !info.IsDir() {
		errs = append(errs, fmt.Errorf("--dir %s: there is no such folder", d.dir))
	}
	if d.envFile != "" {
		if _, err := os.Stat(d.envFile); err != nil {
			errs = append(errs, fmt.Errorf("--env-file: %w", err))
		}
	}
	if d.deno = findDeno(s.Functions); d.deno == "" {
		errs = append(errs, functions.ErrNoDeno)
	}
	if len(errs) > 0 {
		return usageError{errors.Join(errs...)}
	}
	return nil
}

// tokens makes what checks callers; nil where there is nothing to check them with.
func (d *functionsDev) tokens(ctx context.Context, log *slog.Logger, background *sync.WaitGroup) (*token.Verifier, func(), error) {
	f := &front{log: log, pools: map[string]*pg.DB{}, background: background, ring: token.NewKeyRing()}
	closeDB := func() { closePools(f.pools) }
	if d.set.DB.DatabaseURL != "" {
		if err := d.set.DB.Check(); err != nil {
			return nil, nil, usageError{err}
		}
		db, err := pg.Open(ctx, d.set.DB, d.set.DB.DatabaseURL, 2, 0)
		if err != nil {
			return nil, nil, fmt.Errorf("FLUXBASE_DATABASE_URL: %w", err)
		}
		f.pools[requestPool] = db
		f.keys, f.issued = f.readKeys, token.NewIssued(f.tokensDB)
	} else if d.set.JWT.Secret == "" && d.set.JWT.JWKSURL == "" {
		return nil, closeDB, nil
	}
	tokens, err := f.verifier(d.set.JWT)
	if err == nil {
		background.Go(func() { tokens.Follow(ctx, log) })
	}
	return tokens, closeDB, err
}

// console tells who develops what functions do and say, in colours if that is read at a
// terminal.
type console struct {
	mu      sync.Mutex
	to      io.Writer
	colours bool
}

func newConsole(to io.Writer) *console {
	c := &console{to: to}
	if f, ok := to.(*os.File); ok && os.Getenv("NO_COLOR") == "" {
		info, err := f.Stat()
		c.colours = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return c
}

// Colours of terminals (ECMA-48, SGR).
var colours = map[string]string{"debug": "90", "info": "", "warn": "33", "error": "31", "call": "36"}

// Line is part of functions.Recorder.
func (c *console) Line(l *functions.Line) {
	text := l.Message
	if l.Truncated {
		text += " …"
	}
	c.print(l.Level, l.Function, text)
}

// Call is part of functions.Recorder.
func (c *console) Call(call *functions.Call) {
	text := fmt.Sprintf("%s %s %d in %.1f ms", call.Method, call.Path, call.Status, call.Duration)
	kind := "call"
	if call.Outcome != worker.OK {
		text, kind = text+", "+call.Outcome, "error"
	}
	if call.Cold {
		text += ", cold"
	}
	c.print(kind, call.Function, text)
}

func (c *console) say(text string) { c.print("info", "", text) }

// print writes a line. What a function says can't move the cursor, or end a colour.
func (c *console) print(kind, name, text string) {
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || 0x80 <= r && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, strings.TrimRight(text, "\n"))
	if name != "" {
		text = name + "  " + text
	}
	if code := colours[kind]; c.colours && code != "" {
		text = "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = fmt.Fprintf(c.to, "%s  %s\n", time.Now().Format("15:04:05.000"), text)
}
