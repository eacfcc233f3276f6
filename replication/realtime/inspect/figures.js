// What the figures of the server mean: rates and percentiles between two moments.

// moment is one line of the server, made quick to look things up in.
export function moment(line) {
  return { ...line, byName: new Map(line.metrics.map((m) => [m.name, m])) }
}

const series = (m, name) => m?.byName.get(name)?.series

// value is the sum of a metric's series, or of those with a label; undefined if the
// server has no such metric.
export function value(m, name, label) {
  const list = series(m, name)
  if (!list) return undefined
  const wanted = label ? list.filter((s) => Object.values(s.labels ?? {}).includes(label)) : list
  return wanted.reduce((sum, s) => sum + s.value, 0)
}

const seconds = (from, to) => (to.at - from.at) / 1000

// rate is how fast a counter grew, per second; undefined where that is not known, as
// after a restart.
export function rate(from, to, name, label) {
  const [a, b] = [value(from, name, label), value(to, name, label)]
  if (a === undefined || b === undefined || b < a || from.process !== to.process || seconds(from, to) <= 0) return undefined
  return (b - a) / seconds(from, to)
}

// percentile estimates, in seconds, below what a share q of the values lay that a
// histogram took between two moments: linear within a bucket, as Prometheus does it.
// undefined if there were none.
export function percentile(from, to, name, q) {
  const [a, b] = [series(from, name), series(to, name)]
  if (!a || !b || from.process !== to.process) return undefined
  const grown = (of) => sumOf(b, of) - sumOf(a, of)
  const total = grown((s) => s.count ?? 0)
  if (total <= 0) return undefined
  let below = 0
  let lower = 0
  for (const [i, [upper]] of (b[0].buckets ?? []).entries()) {
    const upTo = grown((s) => s.buckets?.[i]?.[1] ?? 0)
    if (upTo >= q * total) return lower + ((upper - lower) * (q * total - below)) / Math.max(upTo - below, 1)
    below = upTo
    lower = upper
  }
  return lower // above all buckets
}

const sumOf = (list, of) => list.reduce((sum, s) => sum + of(s), 0)
