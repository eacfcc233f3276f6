package trace

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Config is where spans go and which are made. The variables are those of OpenTelemetry,
// and the SDK and its exporter read them too; here are those that decide whether there is
// tracing, and those in which a mistake would go unnoticed.
// Source: OpenTelemetry specification, environment variables of the SDK and of the OTLP
// exporter.
type Config struct {
	Endpoint       string `envconfig:"OTEL_EXPORTER_OTLP_ENDPOINT" desc:"Where spans are sent by OTLP over HTTP: the base URL of a collector, http://127.0.0.1:4318, to which /v1/traces is added. Without it, and the next, nothing is traced. The exporter's other variables hold too: OTEL_EXPORTER_OTLP_TIMEOUT, _COMPRESSION, _CERTIFICATE, _CLIENT_CERTIFICATE, _CLIENT_KEY, each also with TRACES_ after OTLP_."`
	TracesEndpoint string `envconfig:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" desc:"The whole URL for spans, in place of the base URL."`
	Headers        string `envconfig:"OTEL_EXPORTER_OTLP_HEADERS" secret:"true" desc:"Headers to send along, name=value with commas between them, percent-encoded; what a vendor's collector wants as a key."`
	TracesHeaders  string `envconfig:"OTEL_EXPORTER_OTLP_TRACES_HEADERS" secret:"true" desc:"The same, in their place."`
	Protocol       string `envconfig:"OTEL_EXPORTER_OTLP_PROTOCOL" default:"http/protobuf" desc:"http/protobuf or http/json. gRPC is not spoken; collectors take both."`
	Exporter       string `envconfig:"OTEL_TRACES_EXPORTER" default:"otlp" desc:"otlp, or none, which turns tracing off."`
	Disabled       bool   `envconfig:"OTEL_SDK_DISABLED" default:"false" desc:"true turns tracing off."`
	ServiceName    string `envconfig:"OTEL_SERVICE_NAME" default:"fluxbase" desc:"What this service is called in traces; that in OTEL_RESOURCE_ATTRIBUTES counts too."`
	Resource       string `envconfig:"OTEL_RESOURCE_ATTRIBUTES" desc:"More about it, name=value with commas between them: deployment.environment.name=production."`
	Sampler        string `envconfig:"OTEL_TRACES_SAMPLER" default:"parentbased_always_on" desc:"Which requests are traced: always_on, always_off, traceidratio, or the same after parentbased_, which does what the caller has decided where callers are trusted and something began before us."`
	SamplerArg     string `envconfig:"OTEL_TRACES_SAMPLER_ARG" desc:"The share for traceidratio, from 0 to 1."`
	QueueSize      int    `envconfig:"OTEL_BSP_MAX_QUEUE_SIZE" default:"2048" desc:"Spans that wait to be sent at most; others are dropped and counted, so that a collector which is slow or away holds up no request. OTEL_BSP_SCHEDULE_DELAY (5000, in ms), OTEL_BSP_EXPORT_TIMEOUT and OTEL_BSP_MAX_EXPORT_BATCH_SIZE say when they go."`
	Trust          bool   `envconfig:"FLUXBASE_TRACE_TRUST" default:"false" desc:"Go on with the trace that a request names in traceparent, and trace it if that says so. For servers that only callers of your own reach, or a gateway that makes the header itself. Else each request begins a trace of its own, with a link to the caller's: strangers can't have themselves traced."`
}

// On tells whether there is tracing.
func (c *Config) On() bool {
	return (c.Endpoint != "" || c.TracesEndpoint != "") && !c.Disabled && c.Exporter != "none"
}

var samplers = []string{
	"always_on", "always_off", "traceidratio",
	"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
}

// Check applies the defaults, also to what is empty, and reports what is wrong. Where there
// is no tracing, it takes what it finds: the variables may be another program's.
func (c *Config) Check() error {
	if c.QueueSize <= 0 {
		c.QueueSize = 2048
	}
	c.Protocol, c.Exporter = cmp.Or(c.Protocol, "http/protobuf"), cmp.Or(c.Exporter, "otlp")
	c.ServiceName, c.Sampler = cmp.Or(c.ServiceName, "fluxbase"), cmp.Or(c.Sampler, "parentbased_always_on")
	if !c.On() {
		return nil
	}
	var errs []error
	for _, v := range []struct{ name, value string }{
		{"OTEL_EXPORTER_OTLP_ENDPOINT", c.Endpoint}, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", c.TracesEndpoint},
	} {
		// Not the value, which may hold a password.
		if u, err := url.Parse(v.value); v.value != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "") {
			errs = append(errs, fmt.Errorf("%s is not the URL of a collector: give one such as http://127.0.0.1:4318", v.name))
		}
	}
	for _, v := range []struct{ name, value string }{
		{"OTEL_EXPORTER_OTLP_HEADERS", c.Headers}, {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", c.TracesHeaders}, {"OTEL_RESOURCE_ATTRIBUTES", c.Resource},
	} {
		if !isList(v.value) {
			errs = append(errs, fmt.Errorf("%s is not a list: give name=value, with commas between them and special characters percent-encoded", v.name))
		}
	}
	if c.Protocol != "http/protobuf" && c.Protocol != "http/json" {
		errs = append(errs, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: give http/protobuf or http/json, for the port of a collector that takes HTTP, 4318", c.Protocol))
	}
	if c.Exporter != "otlp" {
		errs = append(errs, fmt.Errorf("OTEL_TRACES_EXPORTER is %q: give otlp or none", c.Exporter))
	}
	if !slices.Contains(samplers, c.Sampler) {
		errs = append(errs, fmt.Errorf("OTEL_TRACES_SAMPLER is %q: give one of %s", c.Sampler, strings.Join(samplers, ", ")))
	}
	if share, err := strconv.ParseFloat(c.SamplerArg, 64); c.SamplerArg != "" && !(err == nil && share >= 0 && share <= 1) {
		errs = append(errs, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG is %q: give a share from 0 to 1", c.SamplerArg))
	}
	return errors.Join(errs...)
}

// isList tells a list as the SDK reads it, which would write what it can't read, such as
// the key of a vendor's collector, into the log.
func isList(text string) bool {
	if text == "" {
		return true
	}
	for item := range strings.SplitSeq(text, ",") {
		name, value, found := strings.Cut(item, "=")
		if _, err := url.PathUnescape(value); err != nil || !found || !isToken.MatchString(strings.TrimSpace(name)) {
			return false
		}
	}
	return true
}

// isToken is a name of a header (RFC 9110, 5.6.2).
var isToken = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
