package rest

import (
	"net/http"
	"strconv"
	"strings"
)

// preferences are what Prefer headers ask for; zero is "nothing said".
type preferences struct {
	resolution uint8
	returning  uint8
	count      uint8
	tx         uint8
	missing    uint8
	handling   uint8
	own        uint8 // bits of those beyond PostgREST's

	timezone    string
	maxAffected int64
	hasMax      bool
	// unknown are those that handling=strict refuses.
	unknown []string
}

const (
	mergeDuplicates = 1 + iota
	ignoreDuplicates
)

const (
	returnRepresentation = 1 + iota
	returnMinimal
	returnHeaders
)

const (
	countExact = 1 + iota
	countPlanned
	countEstimated
)

const (
	txCommit = 1 + iota
	txRollback
)

const (
	missingDefault = 1 + iota
	missingNull
)

const (
	handlingStrict = 1 + iota
	handlingLenient
)

var (
	resolutions = [...]string{"", "resolution=merge-duplicates", "resolution=ignore-duplicates"}
	returnings  = [...]string{"", "return=representation", "return=minimal", "return=headers-only"}
	counts      = [...]string{"", "count=exact", "count=planned", "count=estimated"}
	txs         = [...]string{"", "tx=commit", "tx=rollback"}
	missings    = [...]string{"", "missing=default", "missing=null"}
	handlings   = [...]string{"", "handling=strict", "handling=lenient"}
)

// parsePreferences reads all Prefer headers; of two of a kind the first counts.
// tx counts only where the configuration allows to choose.
func parsePreferences(h http.Header, allowTx bool) (p preferences) {
	for _, line := range h["Prefer"] {
		for line != "" {
			var one string
			one, line, _ = strings.Cut(line, ",")
			p.add(strings.TrimSpace(one), allowTx)
		}
	}
	return p
}

func (p *preferences) add(s string, allowTx bool) {
	kind, value, _ := strings.Cut(s, "=")
	known := true
	switch kind {
	case "resolution":
		known = choose(&p.resolution, resolutions[:], s)
	case "return":
		known = choose(&p.returning, returnings[:], s)
	case "count":
		known = choose(&p.count, counts[:], s)
	case "missing":
		known = choose(&p.missing, missings[:], s)
	case "handling":
		known = choose(&p.handling, handlings[:], s)
	case "tx":
		tx := &p.tx
		if !allowTx {
			tx = new(uint8)
		}
		known = choose(tx, txs[:], s)
	case "timezone":
		if p.timezone == "" {
			p.timezone = value
		}
	case "max-affected":
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && !p.hasMax {
			p.maxAffected, p.hasMax = n, true
		}
	default:
		known = false
	}
	if !known {
		p.unknown = append(p.unknown, s)
	}
}

func choose(field *uint8, names []string, s string) bool {
	for i, name := range names[1:] {
		if name == s {
			if *field == 0 {
				*field = uint8(i + 1)
			}
			return true
		}
	}
	return false
}

// applied writes Preference-Applied; which says what took effect.
func (p *preferences) applied(which preferences) string {
	var list [8 + len(owns)]string
	n := 0
	add := func(s string) {
		if s != "" {
			list[n] = s
			n++
		}
	}
	add(resolutions[which.resolution])
	add(missings[which.missing])
	add(returnings[which.returning])
	add(counts[p.count])
	add(txs[p.tx])
	add(handlings[p.handling])
	for i, name := range owns {
		if which.own&(1<<i) != 0 {
			add(name)
		}
	}
	if p.timezone != "" {
		add("timezone=" + p.timezone)
	}
	if which.hasMax && p.handling == handlingStrict {
		add("max-affected=" + strconv.FormatInt(p.maxAffected, 10))
	}
	return strings.Join(list[:n], ", ")
}
