// The charts: the history that the database keeps, and the present at its end.
import { get, now } from './api.js'
import { Chart, frame } from './chart.js'
import { count, duration, perSecond } from './show.js'

const defined = [
  { title: 'Jobs that wait and run', show: count, least: 5, lines: [['ready'], ['running'], ['scheduled']] },
  { title: 'Jobs a second', show: perSecond, least: 1, lines: [['enqueued'], ['completed'], ['failed']] },
  { title: 'How long they took', show: duration, least: 0.01, lines: [['p50'], ['p95'], ['p99']] },
  { title: 'How long the oldest waits', show: duration, least: 1, lines: [['oldest_seconds', 'oldest']] },
  { title: 'Jobs that do not go on', show: count, least: 5, lines: [['dead'], ['blocked']] },
].map((c) => ({ ...c, lines: c.lines.map(([of, name = of]) => ({ of, name })) }))

let charts = []
let steps = [] // of the history, oldest first
let live = null // what is now
let asked = '' // what steps are of

// The step for each range, in seconds.
const stepOf = { 900: 10, 3600: 20, 21600: 120, 86400: 360 }

export function make(into) {
  charts = defined.map((c) => new Chart(c))
  into.append(...charts.map((c) => c.node))
}

export function forget() {
  asked = ''
  steps = []
  live = null
  draw()
}

// read takes what has come since the last time; range are seconds, queue an object or null.
export async function read(range, queue, signal) {
  const step = stepOf[range]
  const wanted = JSON.stringify([range, queue])
  const last = steps.at(-1)?.at
  // The last two again, because ends are counted a moment later.
  const since = wanted === asked && last ? last - 2 * step * 1000 : now() - range * 1000
  const fresh = (await get('history', { since: new Date(since).toISOString(), step: `${step} s`, ...queue }, signal))
    .map((s) => ({ ...s, at: Date.parse(s.at) })).filter((s) => s.at > since - step * 1000)
  const from = fresh[0]?.at ?? Infinity
  steps = [...(wanted === asked ? steps.filter((s) => s.at < from && s.at > now() - (range + 3 * step) * 1000) : []), ...fresh]
  asked = wanted
  Object.assign(frame, { span: range, step, gap: 3.5 * step, ago: (s) => `${duration(s)} ago` })
  draw()
}

// show adds what is now.
export function show(values) {
  live = { at: now(), ...values }
  draw()
}

function draw() {
  const end = live && steps.length && live.at - steps.at(-1).at < 1000 * frame.gap ? { ...steps.at(-1), ...live } : live
  const points = end ? [...steps.filter((s) => s.at < end.at), end] : steps
  charts.forEach((chart, i) => chart.set(points.map((p) => ({ at: p.at, values: defined[i].lines.map((l) => p[l.of] ?? null) }))))
}
