// What can be listed: from where, with which columns and buttons.
import { html } from './dom.js'
import { count, duration, none } from './show.js'
import { now } from './api.js'

const clock = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

export const time = (at) => (at ? clock.format(new Date(at)) : none)
export const since = (at) => (at ? duration(Math.max(0, (now() - Date.parse(at)) / 1000)) : none)
export const until = (at) => (at ? (Date.parse(at) > now() ? `in ${duration((Date.parse(at) - now()) / 1000)}` : 'now') : none)
export const place = ({ namespace, queue }) => (namespace === 'default' ? queue : `${namespace} / ${queue}`)

export const cell = (content, kind = '') => html('td', kind ? { class: kind } : {}, content ?? '')
const short = (text, most) => (text.length > most ? `${text.slice(0, most)}…` : text)
const error = (text) => cell(short(text ?? '', 300), 'error')
const args = (value) => html('td', {}, html('code', {}, value === undefined ? 'see the job' : short(JSON.stringify(value), 200)))
const attempts = (job) => cell(`${job.attempt} of ${job.max_attempts}`, 'number')

// button does something to the row's object; about tells of which.
export function button(name, about, act, kind = '') {
  const b = html('button', { type: 'button', 'aria-label': `${name} ${about}`, ...(kind && { class: kind }) }, name)
  b.addEventListener('click', act)
  return b
}

const buttons = (...list) => html('td', {}, html('div', { class: 'actions' }, ...list))
const open = (id, acts) => html('th', { scope: 'row' }, button(String(id), '', () => acts.open(id), 'link'))

// ofState is a list of jobs; when is the heading of at and how that is shown.
const ofState = (state, name, [heading, when], shows, retry, cancel) => ({
  id: state, name, path: 'jobs', query: { state }, items: 'jobs', keyOf: (j) => `${j.id}`, next: 'after', byKind: true,
  columns: ['Job', 'Kind', 'Queue', 'Tried', heading, shows === 'args' ? 'Arguments' : shows === 'progress' ? 'Progress' : 'Error'],
  cells: (j, acts) => [
    open(j.id, acts), cell(j.kind), cell(`${place(j)}, priority ${j.priority}`), attempts(j), cell(when(j)),
    shows === 'args' ? args(j.args) : shows === 'progress' ? cell([j.percent === undefined ? '' : `${Math.round(j.percent)} %`, j.message].filter(Boolean).join(' ')) : error(j.error),
    buttons(
      ...(retry ? [button('Run now', `job ${j.id}`, () => acts.retry(j.id))] : []),
      ...(cancel ? [button('Cancel', `job ${j.id}`, () => acts.cancel(j.id))] : [])),
  ],
})

const waits = ['Waits', (j) => since(j.enqueued_at)]
const runsAt = ['Runs', (j) => until(j.at)]

export const views = [
  ofState('ready', 'Ready', waits, 'args', false, true),
  ofState('running', 'Running', ['Runs for', (j) => since(j.at)], 'progress', false, true),
  ofState('retrying', 'Tried again', runsAt, 'error', true, true),
  ofState('scheduled', 'Scheduled', runsAt, 'args', true, true),
  ofState('blocked', 'Blocked', waits, 'args', false, true),
  ofState('dead', 'Dead', ['Died', (j) => time(j.at)], 'error', true, false),
  ofState('completed', 'Completed', ['Enqueued', (j) => time(j.enqueued_at)], 'args', false, false),
  {
    id: 'failures', name: 'Failures', path: 'failures', query: {}, items: 'failures', keyOf: (f) => `${f.id}`, next: 'before', byKind: true,
    columns: ['Job', 'Kind', 'Queue', 'Attempt', 'When', 'Outcome', 'Error'],
    cells: (f, acts) => [open(f.job, acts), cell(f.kind), cell(place(f)), cell(String(f.attempt), 'number'), cell(time(f.at)), cell(f.outcome), error(f.error), cell('')],
  },
  {
    id: 'schedules', name: 'Schedules', path: 'schedules', query: {}, items: 'schedules', keyOf: (s) => s.name, next: 'after', everywhere: true,
    columns: ['Schedule', 'When', 'Kind', 'Queue', 'Next', 'Last'],
    cells: (s, acts) => [
      html('th', { scope: 'row' }, s.name, ...(s.last_error ? [html('small', {}, `paused: ${s.last_error}`)] : [])), cell(`${s.cron} (${s.zone})`), cell(s.kind), cell(place(s)),
      cell(s.next_runs ? s.next_runs.filter(Boolean).map(time).join(', ') : 'paused'), cell(time(s.last_run_at)),
      buttons(button('Run now', s.name, () => acts.schedule('run', s.name)),
        s.is_enabled ? button('Pause', s.name, () => acts.schedule('pause', s.name)) : button('Resume', s.name, () => acts.schedule('resume', s.name))),
    ],
  },
  {
    id: 'limits', name: 'Limits', path: 'limits', query: {}, items: 'limits', keyOf: (l) => `${l.namespace} ${l.key}`, next: 'after', everywhere: true,
    columns: ['Concurrency key', 'Namespace', 'At once', 'Have their turn', 'Blocked', 'A second'],
    cells: (l) => [html('th', { scope: 'row' }, l.key), cell(l.namespace), cell(count(l.concurrency), 'number'), cell(count(l.running), 'number'), cell(count(l.blocked), 'number'), cell(limit(l)), cell('')],
  },
  {
    id: 'workers', name: 'Workers', path: 'workers', query: {}, items: 'workers', keyOf: (w) => w.id, next: 'after', everywhere: true,
    columns: ['Worker', 'State', 'Has', 'Of the kinds', 'Oldest', 'Since'],
    cells: (w, acts) => [
      html('th', { scope: 'row' }, w.name || 'without a name', html('small', {}, w.id)), cell(!w.is_live ? 'not heard of' : w.draining_at ? 'draining' : 'live'),
      cell(count(w.running), 'number'), cell(w.kinds.join(', ')), cell(since(w.oldest_at)), cell(time(w.started_at)),
      buttons(...(w.running > 0 ? [button('Its jobs', `of ${w.name || w.id}`, () => acts.held(w.id))] : [])),
    ],
  },
]

// limit says what may begin.
export function limit({ rate, burst }) {
  return rate == null ? '' : `${count(rate)}, ${count(burst)} at once after a pause`
}
