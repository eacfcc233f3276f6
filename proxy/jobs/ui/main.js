// The page: asks the server one thing after the other, once a second at most and only
// while it is seen, and shows it.
import { get, now, post, Refusal, use } from './api.js'
import * as charts from './charts.js'
import { html, rows } from './dom.js'
import * as dialog from './job.js'
import { accept, start, state, trouble } from './key.js'
import { count } from './show.js'
import { button, cell, limit, place, since, views } from './views.js'

const $ = (id) => document.getElementById(id)
const beat = 1000 // milliseconds between two questions
const patience = [1, 2, 5, 10] // seconds between tries
const perPage = '50'

let loop = null // aborts the current one
let asking = null // aborts the pause between two questions
let still = false
let overview = null
let sampled = '' // up to when the charts' history goes, and of what they are
let view = views[0]
let places = [''] // where the pages begin, to the one that is shown
let next = null
let worker = '' // whose jobs are listed
let opened = null // the job in the dialog

// --- asking

async function watch() {
  loop?.abort()
  const mine = (loop = new AbortController())
  for (let tries = 0, turn = 0; !mine.signal.aborted;) {
    try {
      if (!document.hidden && (!still || overview === null)) {
        await question(turn++, mine.signal)
        if (mine.signal.aborted) return
        watching()
        tries = 0
      }
      await pause(beat, mine.signal)
    } catch (error) {
      if (mine.signal.aborted) return
      if (error instanceof Refusal && overview === null) return refuse(error.message)
      const wait = patience[Math.min(tries++, patience.length - 1)]
      state('bad', 'No answer')
      trouble(`${error.message}. Trying again in ${wait} s.`.replace('..', '.'))
      await pause(wait * 1000, mine.signal)
    }
  }
}

// question is the next that is due.
async function question(turn, signal) {
  const of = JSON.stringify([overview?.sampled_at, $('range').value, $('queue').value])
  if (overview === null || (turn % 2 === 0 && (sampled === of || turn % 4 === 0))) return show(await get('overview', {}, signal))
  if (sampled !== of) {
    await charts.read(Number($('range').value), chosen(), signal)
    sampled = of
    return
  }
  if (opened !== null) {
    try {
      dialog.show(await get(`jobs/${opened}`, {}, signal))
    } catch (error) {
      dialog.fail(error.message)
      throw error
    }
    return
  }
  return showList(await list(signal))
}

const pause = (ms, signal) => new Promise((done) => {
  const timer = setTimeout(done, ms)
  asking = () => {
    clearTimeout(timer)
    done()
  }
  signal.addEventListener('abort', asking, { once: true })
})

// soon asks at once, where somebody has just done something.
const soon = () => asking?.()

// chosen is the queue that is looked at; null for all.
const chosen = () => ($('queue').value ? JSON.parse($('queue').value) : null)

const list = (signal) => get(view.path, {
  ...view.query, ...(view.everywhere ? {} : chosen()), ...(view.byKind && { kind: $('kind').value.trim() }),
  ...(view.id === 'running' && { worker }), [view.next]: places.at(-1), limit: perPage,
}, signal)

function watching() {
  accept()
  state(still ? 'busy' : 'good', still ? 'Standing still' : 'Watching')
}

const refuse = start({
  begins: 'eyJ or sb_secret_',
  take(key) {
    use(key)
    watch()
  },
  drop() {
    loop?.abort()
    for (const d of [$('job'), $('ask')]) if (d.open) d.close()
    use('')
    overview = null
    sampled = ''
    charts.forget()
    for (const id of ['queues', 'list']) $(id).tBodies[0].replaceChildren()
    $('job-body').replaceChildren()
  },
})
$('pause').addEventListener('click', () => {
  still = !still
  $('pause').setAttribute('aria-pressed', still)
  watching()
  soon()
})
document.addEventListener('visibilitychange', () => document.hidden || soon())

// --- what is shown

const tiles = [
  ['Ready', (all) => about(all)],
  ['Oldest waits', (all) => since(all.oldest_at)],
  ['Running', (all) => count(all.running)],
  ['Scheduled', (all) => count(all.scheduled)],
  ['Blocked', (all) => count(all.blocked)],
  ['Dead', (all) => count(all.dead)],
  ['Workers', (_, { workers }) => `${count(workers.live)}${workers.draining ? `, ${workers.draining} draining` : ''}`],
].map(([name, of]) => {
  const dd = html('dd', {}, '–')
  $('tiles').append(html('div', {}, html('dt', {}, name), dd))
  return { of, dd }
})

const about = (q) => `${q.ready_is_estimate ? '≈ ' : ''}${count(q.ready)}`

function show(fresh) {
  overview = fresh
  for (const t of tiles) t.dd.textContent = t.of(fresh.all, fresh)
  const queue = chosen()
  const of = queue ? fresh.queues.find((q) => q.queue === queue.queue && q.namespace === queue.namespace) : fresh.all
  if (of) charts.show({ ready: of.ready, running: of.running, scheduled: of.scheduled, blocked: of.blocked, dead: of.dead, oldest_seconds: of.oldest_at ? Math.max(0, (now() - Date.parse(of.oldest_at)) / 1000) : 0 })

  rows($('queues').tBodies[0], fresh.queues, place, (q) => html('tr', {},
    html('th', { scope: 'row' }, place(q)), cell(about(q), 'number'), cell(since(q.oldest_at), 'number'), cell(count(q.running), 'number'),
    cell(count(q.scheduled), 'number'), cell(count(q.blocked), 'number'), cell(count(q.dead), 'number'),
    cell([q.concurrency && `${count(q.concurrency)} at once`, q.rate && `${limit(q)} (a second)`].filter(Boolean).join('; ')),
    cell(q.paused_at ? `paused: ${q.pause_reason}` : 'open'),
    html('td', {}, html('div', { class: 'actions' },
      q.paused_at ? button('Resume', place(q), () => acts.resume(q)) : button('Pause', place(q), () => acts.pause(q)),
      ...(q.dead ? [button('Redrive', place(q), () => acts.redrive(q))] : [])))))
  $('queues-note').textContent = fresh.all.queues > fresh.queues.length ? `The ${fresh.queues.length} with the most to do, of ${count(fresh.all.queues)}.` : fresh.queues.length ? '' : 'No job was ever enqueued.'

  const options = fresh.queues.map((q) => JSON.stringify({ queue: q.queue, namespace: q.namespace })).sort()
  for (const value of options) if (![...$('queue').options].some((o) => o.value === value)) $('queue').append(html('option', { value }, place(JSON.parse(value))))
}

function showList(page) {
  const items = page[view.items]
  next = page.next
  rows($('list').tBodies[0], items, view.keyOf, (item) => html('tr', {}, ...view.cells(item, acts)))
  $('previous').disabled = places.length === 1
  $('next').disabled = next === null
  const text = items.length ? `Page ${places.length}: ${items.length}.` : next ? 'None of those that were looked at; there are more on the next page.' : 'None.'
  const note = `${text}${worker && view.id === 'running' ? ` Of the worker ${worker}.` : ''}`
  if ($('list-note').textContent !== note) $('list-note').textContent = note
}

// look begins a list at its first page.
function look(at, of = '') {
  view = at
  worker = of
  places = ['']
  for (const b of $('views').children) b.setAttribute('aria-pressed', b.textContent === view.name)
  $('list').tHead.rows[0].replaceChildren(...view.columns.map((c) => html('th', { scope: 'col' }, c)), html('th', { scope: 'col' }, html('span', { class: 'unseen' }, 'Actions')))
  turn()
}

// turn shows the page that places leads to.
async function turn() {
  $('list').tBodies[0].replaceChildren()
  if (overview === null) return
  $('previous').disabled = $('next').disabled = true
  $('list-note').textContent = 'Asking for them.'
  const wanted = [view, places.length]
  try {
    const page = await list(loop?.signal)
    if (wanted[0] === view && wanted[1] === places.length) showList(page)
  } catch (error) {
    if (error.name !== 'AbortError') $('list-note').textContent = error.message
  }
}

for (const v of views) {
  const b = html('button', { type: 'button', 'aria-pressed': v === view }, v.name)
  b.addEventListener('click', () => look(v))
  $('views').append(b)
}
$('next').addEventListener('click', () => {
  places.push(next)
  turn()
})
$('previous').addEventListener('click', () => {
  places.pop()
  turn()
})
$('kind').addEventListener('change', () => look(view, worker))
$('queue').addEventListener('change', () => {
  charts.forget()
  look(view, worker)
  soon()
})
$('range').addEventListener('change', soon)

// --- what is done

// act does something and says what came of it.
async function act(path, body, said) {
  try {
    const answer = await post(path, body)
    $('done').textContent = said(answer)
    show(await get('overview', {}))
    if (opened !== null) dialog.show(await get(`jobs/${opened}`))
    showList(await list())
  } catch (error) {
    $('done').textContent = `That was not done: ${error.message}`
  }
}

// ask asks whether it is meant, and why.
let meant = null
function ask(title, text, yes, why, then) {
  $('ask-title').textContent = title
  $('ask-text').textContent = text
  $('ask-yes').textContent = yes
  $('ask-why').hidden = !why
  $('reason').value = ''
  meant = then
  $('ask').showModal()
}
$('ask-form').addEventListener('submit', (event) => {
  event.preventDefault()
  $('ask').close()
  meant($('reason').value.trim() || undefined)
})
$('ask-no').addEventListener('click', () => $('ask').close())

const acts = {
  open(id) {
    opened = id
    dialog.wait(id)
    $('job').showModal()
    get(`jobs/${id}`).then((job) => opened === id && dialog.show(job), (error) => dialog.fail(error.message))
  },
  retry: (id) => act(`jobs/${id}/retry`, {}, () => `Job ${id} may run now.`),
  cancel: (id) => ask(`Cancel job ${id}?`, 'One that has not begun is taken away; one that runs is told to stop.', 'Cancel the job', true,
    (reason) => act(`jobs/${id}/cancel`, { reason }, ({ state }) => `Job ${id}: ${state}.`)),
  pause: (q) => ask(`Pause ${place(q)}?`, 'No job of it begins any more. Those that run go on.', 'Pause', true,
    (reason) => act(`queues/${encodeURIComponent(q.queue)}/pause`, { namespace: q.namespace, reason }, () => `${place(q)} is paused.`)),
  resume: (q) => act(`queues/${encodeURIComponent(q.queue)}/resume`, { namespace: q.namespace }, () => `${place(q)} goes on.`),
  redrive: (q) => ask(`Run dead jobs of ${place(q)} again?`, 'Those first that died first, at most 1,000, their attempts counted anew.', 'Redrive', false,
    () => act(`queues/${encodeURIComponent(q.queue)}/redrive`, { namespace: q.namespace }, ({ jobs }) => `${count(jobs)} jobs of ${place(q)} may run again.`)),
  schedule: (what, name) => act(`schedules/${what}`, { name }, ({ id }) => (id ? `${name}: job ${id} is enqueued.` : `${name}: ${what === 'pause' ? 'paused' : 'goes on'}.`)),
  held: (id) => look(views.find((v) => v.id === 'running'), id),
}
$('job-close').addEventListener('click', () => $('job').close())
$('job').addEventListener('close', () => (opened = null))
$('job-retry').addEventListener('click', () => acts.retry(opened))
$('job-cancel').addEventListener('click', () => acts.cancel(opened))

charts.make($('charts'))
look(view)
