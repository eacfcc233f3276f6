package jobs

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// about is what is told of a route; takes are the properties of its body, asks the parameters
// of its query, part what the path holds.
type about struct {
	id, text string
	status   int
	takes    string
	asks     []string
	part     string
	codes    []string
	users    bool // may ask, for jobs of their own
	once     bool // takes an idempotency key
}

// Endpoints describes the routes for /openapi.json.
func Endpoints() []web.Endpoint {
	codes := slices.Concat(web.OfTokens, web.OfDatabase, []string{"forbidden", "unauthorized"})
	made := make([]web.Endpoint, len(routes))
	for i, rt := range routes {
		a := rt.about
		e := web.Endpoint{
			Method: rt.method, Path: Prefix + strings.ReplaceAll(rt.path, "*", "{"+a.part+"}"), ID: "jobs." + a.id, Tag: "jobs", About: a.text,
			Answers: []web.Answer{{Status: a.status, About: "Done.", Type: "application/json", Schema: json.RawMessage(`{}`)}},
			Codes:   slices.Concat(codes, a.codes), AnySQLSTATE: true,
		}
		for _, name := range a.asks {
			e.Parameters = append(e.Parameters, web.Parameter{Name: name, In: "query", About: "Jobs of this " + name + "."})
		}
		if a.part != "" {
			e.Parameters = append(e.Parameters, web.Parameter{Name: a.part, In: "path", About: "Its name or id."})
		}
		if a.once {
			e.Parameters = append(e.Parameters, web.Parameter{Name: "Idempotency-Key", In: "header", About: "Has it done once, however often it is sent; the answer is that of the first time."})
			e.Codes = append(e.Codes, ofKeys...)
		}
		if a.takes != "" {
			e.Body = json.RawMessage(`{"application/json":{"schema":{"type":"object","properties":{` + a.takes + `}}}}`)
		}
		made[i] = e
	}
	return made
}

const (
	aText      = `{"type":"string"}`
	aNumber    = `{"type":"number"}`
	anInteger  = `{"type":"integer"}`
	someTexts  = `{"type":"array","items":{"type":"string"}}`
	anObject   = `{"type":"object"}`
	objects    = `{"type":"array","items":{"type":"object"}}`
	ofPlace    = `"namespace":` + aText
	ofWorker   = `"worker":{"type":"string","format":"uuid"}`
	ofClaim    = `"want":` + anInteger + `,"queues":` + someTexts + `,` + ofPlace
	ofLease    = `"lease":` + aText + `,"name":` + aText
	ofFinish   = ofWorker + `,"done":` + objects + `,"failed":` + objects + `,"progress":` + objects + `,` + ofClaim
	ofLimit    = `"concurrency":` + anInteger + `,"rate":` + aNumber + `,"burst":` + aNumber + `,` + ofPlace
	ofSchedule = `"cron":` + aText + `,"kind":` + aText + `,"args":` + anObject + `,"zone":` + aText + `,"missed":` + aText + `,"queue":` + aText + `,` + ofPlace +
		`,"priority":` + anInteger + `,"max_attempts":` + anInteger + `,"timeout":` + aText + `,"concurrency_key":` + aText
	ofJob = `"kind":` + aText + `,"args":` + anObject + `,"queue":` + aText + `,` + ofPlace + `,"priority":` + anInteger +
		`,"run_at":` + aText + `,"unique_key":` + aText + `,"on_conflict":` + aText + `,"max_attempts":` + anInteger + `,"timeout":` + aText + `,"owner":` + aText + `,"concurrency_key":` + aText
)

// ofKeys are the codes of what is wrong with an idempotency key.
var ofKeys = []string{"idempotency_answer_too_large", "idempotency_in_progress", "idempotency_key_invalid", "idempotency_mismatch", "idempotency_not_installed"}

var (
	found    = []string{"job_not_found"}
	draining = []string{"worker_draining"}
)

var (
	aboutEnqueue    = about{id: "enqueue", text: "Enqueue a job\nOr an array of them, all or none. A unique_key keeps a request that is sent again from making another, and so does an idempotency key.", status: http.StatusCreated, takes: ofJob, once: true}
	aboutClaim      = about{id: "claim", text: "Claim jobs\nWaits for up to `wait` seconds (60) until there are some; an empty array says there were none.", status: http.StatusOK, takes: ofWorker + `,` + ofClaim + `,` + ofLease + `,"wait":` + aNumber, codes: draining}
	aboutFinish     = about{id: "finish", text: "Tell what became of jobs, and claim more\nAnswers with events: run, cancel (stop it) and lost (another worker has it).", status: http.StatusOK, takes: ofFinish, codes: draining}
	aboutProgress   = about{id: "progress", text: "Tell how far jobs have come\nAnswers as finish does.", status: http.StatusOK, takes: ofFinish, codes: draining}
	aboutHeartbeat  = about{id: "heartbeat", text: "Tell that a worker lives\nAnswers with the events cancel.", status: http.StatusOK, takes: ofWorker + `,` + ofLease}
	aboutJobs       = about{id: "list", text: "List jobs, the newest first\nUsers see those that they own.", status: http.StatusOK, users: true, asks: []string{"state", "queue", "kind", "namespace", "before", "limit"}}
	aboutJob        = about{id: "get", text: "One job, its progress and its failures\nUsers see those that they own.", status: http.StatusOK, users: true, part: "id", codes: found}
	aboutCancel     = about{id: "cancel", text: "Cancel a job\nOne that runs is told to stop.", status: http.StatusOK, takes: `"reason":` + aText, part: "id", codes: found}
	aboutRetry      = about{id: "retry", text: "Run a job now that is dead, or waits", status: http.StatusOK, part: "id", codes: found}
	aboutPause      = about{id: "pause", text: "Pause a queue\nWhat runs goes on.", status: http.StatusOK, takes: ofPlace + `,"reason":` + aText, part: "queue"}
	aboutResume     = about{id: "resume", text: "End the pause of a queue", status: http.StatusOK, takes: ofPlace, part: "queue"}
	aboutRedrive    = about{id: "redrive", text: "Run dead jobs of a queue again", status: http.StatusOK, takes: ofPlace + `,"kind":` + aText + `,"most":` + anInteger, part: "queue"}
	aboutWorkers    = about{id: "workers", text: "Who works on jobs", status: http.StatusOK}
	aboutHeld       = about{id: "held", text: "The jobs that a worker has claimed and not finished\nFor one that was given no answer to a claim.", status: http.StatusOK, part: "id"}
	aboutDrain      = about{id: "drain", text: "Have a worker claim no more", status: http.StatusOK, part: "id", codes: found}
	aboutHandlers   = about{id: "handlers", text: "What this server does by itself for jobs", status: http.StatusOK}
	aboutSecret     = about{id: "add_secret", text: "Add a secret to a handler over HTTP\nA new one, which is shown this once, or that of the receiver.", status: http.StatusCreated, takes: ofPlace + `,"secret":` + aText, part: "kind", codes: []string{"job_not_found", "unprocessable"}}
	aboutDropSecret = about{id: "drop_secret", text: "Drop a secret of a handler", status: http.StatusOK, part: "id"}
	aboutSteps      = about{id: "steps", text: "What the steps of a job have come to", status: http.StatusOK, part: "id"}
	aboutStep       = about{id: "step", text: "Keep what a step of a running job has come to\nAnswers with what it came to the first time, which may have been in an earlier attempt.", status: http.StatusOK, takes: `"token":` + anInteger + `,"name":` + aText + `,"result":{}`, part: "id", codes: []string{"job_not_running"}}
	aboutEmit       = about{id: "emit", text: "Tell jobs of an event\nThose that wait for it go on. Only the first of a name counts.", status: http.StatusOK, takes: `"name":` + aText + `,"payload":{},` + ofPlace}
	aboutEvent      = about{id: "event", text: "An event that was told in the last 30 days", status: http.StatusOK, asks: []string{"namespace"}, part: "name", codes: found}
	aboutLimitQueue = about{id: "limit_queue", text: "Limit how many jobs of a queue run at once, or begin in a second\nnull is any number.", status: http.StatusOK, takes: ofLimit, part: "queue"}
	aboutLimitKey   = about{id: "limit_key", text: "Limit how many jobs of a concurrency key run at once, or begin in a second\nWith neither it is one at a time. A key that ends in * means all that begin so.", status: http.StatusOK, takes: ofLimit, part: "key"}
	aboutLimits     = about{id: "limits", text: "The limits of queues and of concurrency keys", status: http.StatusOK}
	aboutSchedules  = about{id: "schedules", text: "What is scheduled, and when it comes next", status: http.StatusOK}
	aboutSchedule   = about{id: "schedule", text: "Enqueue a job again and again\nOr change what was said under that name.", status: http.StatusOK, takes: ofSchedule, part: "name"}
	aboutUnschedule = about{id: "unschedule", text: "Take back a schedule\nJobs that it has enqueued stay.", status: http.StatusOK, part: "name"}

	aboutPauseSchedule  = about{id: "pause_schedule", text: "Pause a schedule", status: http.StatusOK, part: "name", codes: found}
	aboutResumeSchedule = about{id: "resume_schedule", text: "End the pause of a schedule", status: http.StatusOK, part: "name", codes: found}
	aboutRunSchedule    = about{id: "run_schedule", text: "Enqueue a job of a schedule now", status: http.StatusOK, part: "name", codes: found}

	aboutStats = about{id: "stats", text: "How the queue is", status: http.StatusOK}
)
