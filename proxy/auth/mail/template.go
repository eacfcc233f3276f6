package mail

import (
	"cmp"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"net/url"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"
	"unicode"
)

// Templates are written by operators and fed with what users say of themselves, so each
// is bounded in what it may call, how long it may take and how much it may say.
const (
	maxTemplate = 256 << 10
	maxOutput   = 512 << 10
	maxSubject  = 250 // letters
	maxValue    = 64 << 10
	maxCommands = 32 // of a pipeline
	maxDepth    = 32 // of conditions, loops and parentheses within each other
	// html/template looks at the body of a loop twice, so loops within loops double its work.
	maxLoops = 4
	maxTime  = time.Second
)

var (
	errTooLong = errors.New("it says more than 512 KiB")
	errTooSlow = errors.New("it takes too long")
)

// words are the functions that templates may call; all are Go's own, some with a bound.
var words = []string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "html", "urlquery"}

// pace is a function of ours within loops: it ends those that take too long.
const pace = "__pace"

// rendered is a mail as its readers see it.
type rendered struct {
	Subject string `json:"subject"`
	HTML    string `json:"html"`
	Text    string `json:"text"`
}

// render makes a mail of a template; a text that is missing is the built-in one.
func render(t Template, builtIn Template, vars map[string]any) (rendered, error) {
	return renderWithin(maxTime, t, builtIn, vars)
}

func renderWithin(limit time.Duration, t Template, builtIn Template, vars map[string]any) (out rendered, err error) {
	if t.Text == "" {
		t.Text = builtIn.Text
	}
	run := &run{ends: time.Now().Add(limit), left: maxOutput}
	if out.Subject, err = run.text("subject", t.Subject, vars); err != nil {
		return out, err
	}
	if out.Subject = oneLine(out.Subject); out.Subject == "" {
		return out, errors.New("the subject is empty")
	}
	if out.Text, err = run.text("text", t.Text, vars); err != nil {
		return out, err
	}
	out.HTML, err = run.html("html", t.HTML, vars)
	return out, err
}

// oneLine is what a header can hold: no line breaks, no control characters, not too long.
func oneLine(s string) string {
	letters := []rune(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " "))
	return string(letters[:min(len(letters), maxSubject)])
}

// run is one making of a mail.
type run struct {
	ends time.Time
	left int
	out  strings.Builder
}

func (r *run) text(part, source string, vars map[string]any) (string, error) {
	t, err := template.New(part).Funcs(r.funcs()).Parse(bounded(source))
	if err == nil {
		for _, defined := range t.Templates() {
			err = errors.Join(err, restrict(defined.Tree))
		}
	}
	if err == nil {
		err = t.Execute(r.begin(), vars)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", part, err)
	}
	// What Go says for a variable that is not there, and html/template leaves out.
	return strings.ReplaceAll(r.out.String(), "<no value>", ""), nil
}

func (r *run) html(part, source string, vars map[string]any) (string, error) {
	t, err := htmltemplate.New(part).Funcs(r.funcs()).Parse(bounded(source))
	if err == nil {
		for _, defined := range t.Templates() {
			err = errors.Join(err, restrict(defined.Tree))
		}
	}
	if err == nil {
		err = t.Execute(r.begin(), vars)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", part, err)
	}
	return r.out.String(), nil
}

// bounded makes a template that is too long one that does not parse.
func bounded(source string) string {
	if len(source) > maxTemplate {
		return "{{ it is longer than 256 KiB }}"
	}
	return source
}

func (r *run) begin() *run {
	r.out.Reset()
	return r
}

func (r *run) Write(p []byte) (int, error) {
	if r.left -= len(p); r.left < 0 {
		return 0, errTooLong
	}
	return r.out.Write(p)
}

func (r *run) funcs() map[string]any {
	return map[string]any{
		pace: func() (bool, error) {
			if time.Now().After(r.ends) {
				return false, errTooSlow
			}
			return false, nil
		},
		"html":     func(v any) (string, error) { return short(v, template.HTMLEscapeString) },
		"urlquery": func(v any) (string, error) { return short(v, url.QueryEscape) },
	}
}

// short escapes a value that is not long.
func short(v any, escape func(string) string) (string, error) {
	s := ""
	if v != nil {
		s = fmt.Sprint(v)
	}
	if len(s) > maxValue {
		return "", errTooLong
	}
	return escape(s), nil
}

// restrict refuses what a template may not do, and has each turn of a loop ask whether
// there is time left.
func restrict(tree *parse.Tree) error {
	if tree == nil {
		return nil
	}
	return depth{}.list(tree.Root)
}

// pacer is {{ if __pace }}{{ end }}: an action that says nothing in any context.
func pacer() []parse.Node {
	trees, err := parse.Parse("pace", "{{ if "+pace+" }}{{ end }}", "", "", map[string]any{pace: func() {}})
	if err != nil {
		panic(err) // only the text above can be wrong
	}
	return trees["pace"].Root.Nodes
}

// depth is how deep a node lies.
type depth struct{ nested, loops int }

func (d depth) within() depth { return depth{d.nested + 1, d.loops} }

func (d depth) list(list *parse.ListNode) error {
	if list == nil {
		return nil
	}
	if d.nested > maxDepth || d.loops > maxLoops {
		return fmt.Errorf("it nests more than %d conditions or %d loops", maxDepth, maxLoops)
	}
	for _, node := range list.Nodes {
		var err error
		switch n := node.(type) {
		case *parse.ActionNode:
			err = d.pipe(n.Pipe)
		case *parse.IfNode:
			err = d.branch(&n.BranchNode)
		case *parse.WithNode:
			err = d.branch(&n.BranchNode)
		case *parse.RangeNode:
			err = depth{d.nested, d.loops + 1}.branch(&n.BranchNode)
			n.List.Nodes = append(pacer(), n.List.Nodes...)
		case *parse.TemplateNode:
			err = errors.New("it uses another template; each stands for itself")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d depth) branch(b *parse.BranchNode) error {
	d = d.within()
	return cmp.Or(d.pipe(b.Pipe), d.list(b.List), d.list(b.ElseList))
}

func (d depth) pipe(pipe *parse.PipeNode) error {
	if pipe == nil {
		return nil
	}
	if d.nested > maxDepth || len(pipe.Cmds) > maxCommands {
		return fmt.Errorf("a pipeline has more than %d steps, or lies too deep", maxCommands)
	}
	for _, cmd := range pipe.Cmds {
		for _, arg := range cmd.Args {
			if err := d.arg(arg); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d depth) arg(arg parse.Node) error {
	switch a := arg.(type) {
	case *parse.PipeNode:
		return d.within().pipe(a)
	case *parse.ChainNode:
		return d.arg(a.Node)
	case *parse.IdentifierNode:
		if !slices.Contains(words, a.Ident) {
			return fmt.Errorf("it calls %s; templates may call %s", a.Ident, strings.Join(words, ", "))
		}
	}
	return nil
}
