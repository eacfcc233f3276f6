// The page: takes the figures of the server once a second and shows them.
import { Chart } from './chart.js'
import * as consoleForm from './console.js'
import { html, rows } from './dom.js'
import { moment, percentile, rate, value } from './figures.js'
import { accept, start, state, trouble } from './key.js'
import { bytes, count, duration, none, perSecond } from './show.js'

const $ = (id) => document.getElementById(id)
const stored = 'fluxbase-inspect-key'
const windowOf = 10 // seconds of which percentiles are made
const patience = [1, 2, 5, 10] // seconds between tries

let key = ''
let stream = null // aborts the current one
let paused = false
let waiting = [] // lines that came meanwhile
let moments = [] // the last of them, oldest first

const rt = 'fluxbase_realtime_'
const ch = 'fluxbase_changes_'
const rateOf = (name, label) => (now, before) => rate(before, now, name, label)
const quantile = (name, q) => (now, _, earlier) => percentile(earlier, now, name, q)
const gauge = (name) => (now) => value(now, name)

// A chart is left out where the server has no metric of its name.
const charts = [
  { of: rt + 'connections', title: 'Connections and channels', show: count, least: 5,
    lines: [{ name: 'connections', of: gauge(rt + 'connections') }, { name: 'channels', of: gauge(rt + 'channels') }] },
  { of: rt + 'messages_sent_total', title: 'Messages per second', show: count, least: 5,
    lines: [{ name: 'in', of: rateOf(rt + 'messages_received_total') }, { name: 'out', of: rateOf(rt + 'messages_sent_total') }] },
  { of: ch + 'decoded_total', title: 'Changes of rows per second', show: count, least: 5,
    lines: ['insert', 'update', 'delete'].map((name) => ({ name, of: rateOf(ch + 'decoded_total', name) })) },
  { of: ch + 'lag_seconds', title: 'Lag of the stream', show: duration, least: 0.5,
    lines: [{ name: 'at most', of: gauge(ch + 'lag_seconds') }] },
  { of: rt + 'delivery_seconds', title: 'From commit to client', show: duration, least: 0.001,
    lines: [
      { name: 'p50', of: quantile(rt + 'delivery_seconds', 0.5) }, { name: 'p99', of: quantile(rt + 'delivery_seconds', 0.99) },
      { name: 'policies p99', of: quantile(rt + 'see_seconds', 0.99) },
    ] },
  { of: rt + 'policy_decisions_total', title: 'Policy decisions per second', show: count, least: 5,
    lines: ['0', '1', '2'].map((tier) => ({ name: `tier ${tier}`, of: rateOf(rt + 'policy_decisions_total', tier) })) },
]

const tiles = [
  ['Connections', gauge(rt + 'connections'), count],
  ['Channels joined', gauge(rt + 'channels'), count],
  ['Messages in', rateOf(rt + 'messages_received_total'), perSecond],
  ['Messages out', rateOf(rt + 'messages_sent_total'), perSecond],
  ['Waiting messages', gauge(rt + 'queued_messages'), count],
  ['Closed as too slow', gauge(rt + 'slow_clients_total'), count],
  ['Joins refused', gauge(rt + 'joins_refused_total'), count],
  ['Log not received', gauge(ch + 'lag_bytes'), bytes],
  ['Kept to resume', gauge(ch + 'ring_bytes'), bytes],
  ['Reaching back', gauge(ch + 'ring_seconds'), duration],
  ['Memory', gauge('process_resident_memory_bytes'), bytes],
  ['Processor', rateOf('process_cpu_seconds_total'), (n) => (n === undefined ? none : `${Math.round(n * 100)} %`)],
].map(([name, of, show]) => {
  const dd = html('dd', {}, none)
  $('tiles').append(html('div', {}, html('dt', {}, name), dd))
  return { of, show, dd }
})

// --- the stream of figures

// watch reads figures until the key is refused or another is given.
async function watch() {
  stream?.abort()
  const mine = (stream = new AbortController())
  for (let tries = 0; !mine.signal.aborted;) {
    try {
      const answer = await fetch(new URL('./figures', import.meta.url), {
        headers: { authorization: `Bearer ${key}` }, cache: 'no-store', signal: mine.signal,
      })
      if (!answer.ok) {
        const problem = await explain(answer)
        if (answer.status < 500) return refuse(problem)
        throw new Error(problem)
      }
      accept()
      if ($('keep').checked) sessionStorage.setItem(stored, key)
      tries = 0
      for await (const line of linesOf(answer.body)) take(line)
    } catch (error) {
      if (mine.signal.aborted) return
      const wait = patience[Math.min(tries++, patience.length - 1)]
      const why = error instanceof TypeError ? 'The server can\'t be reached' : error.message
      state('bad', 'No connection')
      trouble(`${why}. Trying again in ${wait} s.`)
      await new Promise((done) => setTimeout(done, wait * 1000))
    }
  }
}

async function* linesOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  for (let rest = ''; ;) {
    const { value: part, done } = await reader.read()
    if (done) return
    const lines = (rest + part).split('\n')
    rest = lines.pop()
    for (const line of lines) if (line) yield JSON.parse(line)
  }
}

// explain says in plain words what an answer means, and how it is mended.
async function explain(answer) {
  const { message, hint } = await answer.json().catch(() => ({ message: `the server answered ${answer.status}` }))
  if (answer.status === 401) return `The server does not take that key: ${message}. Give its service_role key, as fluxbase dev or fluxbase keys printed it.`
  return `${message[0].toUpperCase()}${message.slice(1)}. ${hint ?? ''}`
}

const refuse = start({
  begins: 'eyJ',
  take(given) {
    key = given
    watch()
  },
  drop() {
    stream?.abort()
    sessionStorage.removeItem(stored)
    key = ''
    moments = []
    for (const c of charts) c.chart?.break()
    $('process').hidden = true
  },
})
$('pause').addEventListener('click', () => {
  paused = !paused
  $('pause').setAttribute('aria-pressed', paused)
  if (paused) return state('busy', 'Paused')
  for (const line of waiting.splice(0)) show(line)
})

// --- what is shown

function take(line) {
  if (!paused) return show(line)
  waiting.push(line)
  if (waiting.length > 120) waiting.shift()
}

function show(line) {
  const now = moment(line)
  if (moments.at(-1)?.process !== now.process) {
    // Another process answers: the figures of two don't mix.
    moments = []
    for (const c of charts) c.chart?.break()
  }
  // A new answer may begin at once after the last line of the one before.
  const before = moments.findLast((m) => m.at <= now.at - 800) ?? now
  moments.push(now)
  while (moments[0].at < now.at - (windowOf + 1) * 1000) moments.shift()
  const args = [now, before, moments[0]]

  for (const t of tiles) t.dd.textContent = t.show(t.of(...args))
  for (const c of charts) {
    if (!c.chart && now.byName.has(c.of)) $('charts').append((c.chart = new Chart(c)).node)
    c.chart?.add(now.at, c.lines.map((l) => l.of(...args) ?? null))
  }
  $('process').hidden = false
  $('process').textContent = now.process
  state(now.stream.phase === 'streaming' ? 'good' : 'bad', now.stream.phase === 'streaming' ? 'Streaming' : 'No changes of tables')
  $('trouble').textContent = now.stream.error ? `The stream of changes is ${now.stream.phase}: ${now.stream.error}` : ''
  channels(now)
  slots(now)
  if ($('all').open) everything(now, before)
}

const cell = (text, kind = '') => html('td', kind ? { class: kind } : {}, text)

function channels(now) {
  const wanted = $('search').value.toLowerCase()
  const list = now.channels.filter((c) => c.topic.toLowerCase().includes(wanted))
  rows($('channels').tBodies[0], list, (c) => `${c.private} ${c.topic}`, (c) => {
    const button = html('button', { type: 'button', 'aria-label': `Use ${c.topic} in the console` }, 'Use')
    button.addEventListener('click', () => consoleForm.use(c.topic, c.private))
    return html('tr', {}, html('th', { scope: 'row' }, c.topic, ' ', ...(c.private ? [html('span', { class: 'tag' }, 'private')] : [])),
      cell(count(c.subscribers), 'number'), cell(count(c.bindings), 'number'), html('td', {}, button))
  })
  const shown = now.channels.length < now.rooms ? `The ${now.channels.length} with the most subscribers, of ${count(now.rooms)}.` : ''
  const text = now.rooms === 0 ? 'Nobody has joined a channel.' : list.length === 0 ? `None of them has “${wanted}” in its name. ${shown}` : shown
  if ($('channels-note').textContent !== text) $('channels-note').textContent = text
}

$('search').addEventListener('input', () => moments.length && channels(moments.at(-1)))

function slots({ slots: health }) {
  $('slots-note').textContent = !health ? 'Asking the database.' : health.error ? `The database did not tell: ${health.error}` : ''
  rows($('slots').tBodies[0], health?.rows ?? [], (s) => s.slot, (s) => html('tr', {},
    html('th', { scope: 'row' }, s.slot), cell(s.active ? 'yes' : 'no'), cell(s.wal_status ?? none),
    cell(bytes(s.lag_bytes), 'number'), cell(s.safe_bytes === null ? 'no limit' : bytes(s.safe_bytes), 'number')))
}

// everything lists the metrics as they are.
function everything(now, before) {
  const list = now.metrics.flatMap((m) => m.series.map((s) => ({ m, s, labels: Object.values(s.labels ?? {}) })))
  rows($('all').querySelector('tbody'), list, ({ m, labels }) => [m.name, ...labels].join(' '), ({ m, s, labels }) => {
    const shown = m.type === 'HISTOGRAM' ? `${count(s.count)} × ${duration(s.count ? s.sum / s.count : undefined)}` : count(s.value)
    const speed = m.type === 'COUNTER' ? count(rate(before, now, m.name, labels[0])) : ''
    return html('tr', {}, html('th', { scope: 'row' }, [m.name, ...labels].join(' '), html('small', {}, m.help)), cell(shown, 'number'), cell(speed, 'number'))
  })
}

$('all').addEventListener('toggle', () => moments.length && everything(moments.at(-1), moments.at(-2) ?? moments.at(-1)))

consoleForm.start(() => key)
key = sessionStorage.getItem(stored) ?? ''
if (key) {
  $('keep').checked = true
  watch()
}
