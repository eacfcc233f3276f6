package functions

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// Admin is the routes by which operators look after functions: each calls the functions of
// the database that psql calls as well.
type Admin struct {
	// Seals seals secrets; nil takes none.
	Seals *seal.Keys
}

const (
	aText  = `{"type":"string"}`
	aFlag  = `{"type":"boolean"}`
	anyOne = `{"type":"object"}`
	texts  = `{"type":"array","items":{"type":"string"}}`
)

// Operations are these routes. Keys of the module functions may use them.
func (a *Admin) Operations() []web.OperatorRoute {
	list := []web.OperatorRoute{
		{
			Method: http.MethodGet, Path: "/functions", ID: "functions", About: "All functions\nThe version that answers, and the settings of each.",
			Answer: ask(`select coalesce(json_agg(f order by f.name), '[]')::text from functions.list() as f`),
		}, {
			Method: http.MethodGet, Path: "/functions/*", ID: "function", About: "A function",
			Answer: ask(`select to_json(f)::text from functions.list() as f where f.name = $1`),
		}, {
			Method: http.MethodPost, Path: "/functions/*/deploy", ID: "deploy_function", Status: http.StatusCreated,
			About: "Deploy a function\nfiles are {\"PATH\": \"TEXT\"} or {\"PATH\": {\"base64\": \"…\"}}; or multipart/form-data with parts named file, whose filename is the path, and a part metadata with the other members. When this answers every process serves it.",
			Takes: `"files":` + anyOne + `,"entrypoint":` + aText + `,"verify_jwt":` + aFlag + `,"limits":` + anyOne + `,"egress":` + texts + `,"note":` + aText,
			Codes: []string{"unsupported_media_type"}, Answer: deploy,
		}, {
			Method: http.MethodGet, Path: "/functions/*/versions", ID: "function_versions", About: "The versions of a function that are kept",
			Answer: ask(`select coalesce(json_agg(v order by v.version desc), '[]')::text from functions.versions($1) as v having count(*) > 0`),
		}, {
			Method: http.MethodPost, Path: "/functions/*/rollback", ID: "rollback_function", About: "Have an earlier version answer\nWithout a version, the one before. When this answers it does everywhere.",
			Takes: `"version":{"type":"integer"}`, Answer: rollback,
		}, {
			Method: http.MethodPatch, Path: "/functions/*", ID: "configure_function", About: "Change settings of a function\nWhat is named; null gives back the default. They hold for all its versions.",
			Takes:  `"verify_jwt":` + aFlag + `,"mode":` + aText + `,"egress":` + texts + `,"wall_ms":{"type":"integer"},"cpu_ms":{"type":"integer"},"memory_mb":{"type":"integer"}`,
			Answer: configure,
		}, {
			Method: http.MethodDelete, Path: "/functions/*", ID: "delete_function", About: "Delete a function, with all its versions",
			Answer: settled(`select json_build_object('name', $1::text)::text where functions.delete($1)`),
		}, {
			Method: http.MethodGet, Path: "/functions/*/logs", ID: "function_logs", About: "What a function said, oldest first\nnext is the before of the page with the lines before these; there is none behind the first line.",
			Parameters: []web.Parameter{
				{Name: "since", In: "query", About: "Lines from this time on."},
				{Name: "before", In: "query", About: "Lines before this time, or before the page whose next it is."},
				{Name: "level", In: "query", About: "debug, info, warn or error: lines of that, and graver ones."},
				{Name: "invocation", In: "query", About: "Lines of one call, by its execution id."},
				{Name: "limit", In: "query", About: "How many, 100 if not said, at most 1000."},
			},
			Answer: logs,
		}, {
			Method: http.MethodGet, Path: "/function-secrets", ID: "function_secrets", About: "The names of the secrets that functions have",
			Answer: ask(`select coalesce(json_agg(s order by s.name), '[]')::text from functions.secret_names() as s`),
		}, {
			Method: http.MethodPost, Path: "/function-secrets", ID: "set_function_secrets", About: "Set secrets of functions\n{\"NAME\": \"VALUE\"}, all or none. Nobody can read them again but functions.",
			Takes: `"NAME":` + aText, Answer: a.setSecrets,
		}, {
			Method: http.MethodDelete, Path: "/function-secrets/*", ID: "unset_function_secret", About: "Unset a secret of functions",
			Answer: settled(`select json_build_object('name', $1::text)::text where functions.unset_secret($1)`),
		},
	}
	for i := range list {
		op := &list[i]
		op.Module, op.Codes = "functions", append(op.Codes, "function_not_found")
		if op.Status == 0 {
			op.Status = http.StatusOK
		}
		answer := op.Answer
		op.Answer = func(op *web.Operator) ([]byte, error) {
			body, err := answer(op)
			if err == nil && body == nil {
				err = web.New("function_not_found", "there is no such function")
			}
			return body, mapError(err)
		}
	}
	return list
}

// mapError says of what our functions do not find that it is none of ours.
func mapError(err error) error {
	var fault *pgconn.PgError
	if errors.As(err, &fault) && fault.Code == "P0002" {
		e := web.New("function_not_found", fault.Message)
		e.Hint = fault.Hint
		return e.Because(err)
	}
	return err
}

// ask gives what a statement does, which may have the name in the path as its argument.
func ask(sql string) func(*web.Operator) ([]byte, error) {
	return func(op *web.Operator) ([]byte, error) {
		if !strings.Contains(sql, "$1") {
			return op.Ask(sql)
		}
		return op.Ask(sql, []byte(op.Name))
	}
}

// settled waits until every process knows what a statement has changed.
func settled(sql string) func(*web.Operator) ([]byte, error) {
	return func(op *web.Operator) ([]byte, error) { return settle(op, sql, []byte(op.Name)) }
}

// settle runs a statement, whose answer is an object, and adds who has not said that it knows
// of the change. It stands whatever comes of the wait.
func settle(op *web.Operator, sql string, args ...[]byte) ([]byte, error) {
	body, err := op.Ask(sql, args...)
	if err != nil || body == nil {
		return nil, err
	}
	out := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &out); err != nil {
		return nil, err
	}
	out["unconfirmed"] = json.RawMessage("null") // nobody could be asked
	if mark, err := op.Ask(`select fluxbase.mark()::text`); err == nil {
		if names, err := op.Ask(`select coalesce(json_agg(a), '[]')::text from fluxbase.await($1::pg_lsn) as a`, mark); err == nil {
			out["unconfirmed"] = names
		}
	}
	return json.Marshal(out)
}

// deployment is what is to be deployed, as JSON.
type deployment struct {
	Files      json.RawMessage `json:"files"`
	Entrypoint *string         `json:"entrypoint"`
	VerifyJWT  *bool           `json:"verify_jwt"`
	Limits     json.RawMessage `json:"limits"`
	Egress     json.RawMessage `json:"egress"`
	Note       *string         `json:"note"`
}

func deploy(op *web.Operator) ([]byte, error) {
	var in deployment
	kind, params, _ := mime.ParseMediaType(op.Request.Header.Get("Content-Type"))
	var err error
	switch {
	case kind == "multipart/form-data":
		err = in.readForm(multipart.NewReader(op.Request.Body, params["boundary"]))
	case kind == "" || kind == "application/json":
		err = op.Read(&in)
	default:
		err = web.New("unsupported_media_type", "a function is deployed as application/json or multipart/form-data")
	}
	if err != nil {
		return nil, err
	}
	body, _ := json.Marshal(in) // it was JSON before
	return settle(op, `select json_build_object('name', $1::text, 'version', functions.deploy($1, a.files, coalesce(a.entrypoint, 'index.ts'),
			a.verify_jwt, a.limits, a.egress, a.note))::text
		from jsonb_to_record($2::jsonb) as a (files jsonb, entrypoint text, verify_jwt boolean, limits jsonb, egress text[], note text)`,
		[]byte(op.Name), body)
}

// readForm reads the parts of a form: files, whose paths are their filenames, and metadata.
func (in *deployment) readForm(form *multipart.Reader) error {
	files := map[string]any{}
	for {
		part, err := form.NextRawPart()
		if err == io.EOF {
			break
		}
		var content []byte
		if err == nil {
			content, err = io.ReadAll(part)
		}
		var own *web.Error
		switch {
		case errors.As(err, &own):
			return own
		case err != nil:
			return web.New("invalid_request", "the form is not well formed").Because(err)
		}
		// FileName would leave the folders out.
		_, params, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		switch path := params["filename"]; {
		case params["name"] == "metadata":
			d := json.NewDecoder(strings.NewReader(string(content)))
			d.DisallowUnknownFields()
			if d.Decode(in) != nil || in.Files != nil {
				return web.New("invalid_request", "the part metadata is no object of entrypoint, verify_jwt, limits, egress and note")
			}
		case path == "" || params["name"] != "file":
			return web.New("invalid_request", "the parts of the form are metadata and file, which has a filename")
		case files[path] != nil:
			return web.New("invalid_request", "the file "+path+" is there twice")
		case utf8.Valid(content) && !strings.Contains(string(content), "\x00"):
			files[path] = string(content)
		default:
			files[path] = map[string]string{"base64": base64.StdEncoding.EncodeToString(content)}
		}
	}
	var err error
	in.Files, err = json.Marshal(files)
	return err
}

func rollback(op *web.Operator) ([]byte, error) {
	var in struct {
		Version *int `json:"version"`
	}
	if err := op.Read(&in); err != nil {
		return nil, err
	}
	var version []byte
	if in.Version != nil {
		version = strconv.AppendInt(nil, int64(*in.Version), 10)
	}
	return settle(op, `select json_build_object('name', $1::text, 'version', functions.rollback($1, $2::integer))::text`, []byte(op.Name), version)
}

func configure(op *web.Operator) ([]byte, error) {
	in := map[string]json.RawMessage{} // the database says what there is
	if err := op.Read(&in); err != nil {
		return nil, err
	}
	body, _ := json.Marshal(in) // it was JSON before
	return settle(op, `select json_build_object('name', $1::text)::text from functions.configure($1, $2::jsonb)`, []byte(op.Name), body)
}

// maxLines are those of a page.
const maxLines = 1000

// logs answers with a page of lines.
func logs(op *web.Operator) ([]byte, error) {
	query, limit := op.Request.URL.Query(), 100
	given := map[string][]byte{}
	for name, values := range query {
		n, err := strconv.Atoi(values[0])
		switch {
		case name == "limit" && err == nil && n > 0:
			limit = min(n, maxLines)
		case name == "since", name == "before", name == "level", name == "invocation":
			given[name] = []byte(values[0])
		default:
			return nil, web.New("invalid_request", "the parameters are since and before (times), level, invocation and limit (a number)")
		}
	}
	// The next of a page is the place of its first line: time, invocation, number.
	if line := bytes.Split(given["before"], []byte(",")); len(line) == 3 {
		given["before"], given["line"], given["seq"] = line[0], line[1], line[2]
	}
	return op.Ask(`select json_build_object('lines', coalesce(json_agg(l order by l.at, l.invocation, l.seq), '[]'),
			'next', case when count(*) = $6::integer then (
				array_agg(concat_ws(',', to_char(l.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), l.invocation, l.seq) order by l.at, l.invocation, l.seq)
			)[1] end)::text
		from functions.logs($1, coalesce($2::timestamptz, '-infinity'), coalesce($3, 'debug'), $4::uuid, $6::integer, coalesce($5::timestamptz, 'infinity'),
			$7::uuid, $8::integer) as l`,
		[]byte(op.Name), given["since"], given["level"], given["invocation"], given["before"], strconv.AppendInt(nil, int64(limit), 10), given["line"], given["seq"])
}

// setSecrets seals what the body has, so that the database never sees it.
func (a *Admin) setSecrets(op *web.Operator) ([]byte, error) {
	in := map[string]string{}
	if err := op.Read(&in); err != nil {
		return nil, err
	}
	switch {
	case len(in) == 0:
		return nil, web.New("invalid_request", "the body is {\"NAME\": \"VALUE\"}")
	case a.Seals == nil:
		return nil, web.New("unprocessable", "secrets can't be sealed without FLUXBASE_ENCRYPTION_KEY")
	}
	for name, value := range in {
		if strings.Contains(value, "\x00") {
			return nil, web.New("invalid_request", "no environment holds the value of "+name+", which has a NUL in it")
		}
		in[name] = a.Seals.Seal([]byte(value), SecretPlace(name))
	}
	sealed, _ := json.Marshal(in) // texts never fail
	names, _ := json.Marshal(slices.Sorted(maps.Keys(in)))
	return settle(op, `select json_build_object('names', $2::json)::text
		from (select count(functions.set_secret(s.key, s.value)) from jsonb_each_text($1::jsonb) as s) as done`, sealed, names)
}
