// All that is known of one job, in a dialog.
import { html } from './dom.js'
import { none } from './show.js'
import { place, time } from './views.js'

const $ = (id) => document.getElementById(id)
const json = (value) => html('pre', { tabindex: 0 }, JSON.stringify(value, null, 2))
const list = (pairs) => html('dl', {}, ...pairs.filter(([, v]) => v !== null && v !== undefined && v !== '').flatMap(([name, v]) => [html('dt', {}, name), html('dd', {}, v)]))

let shown = ''

// show fills the dialog; one that says the same stays as it is, with the place of its reader.
export function show(job) {
  $('job-title').textContent = `Job ${job.id}, ${job.state}`
  $('job-retry').hidden = !['dead', 'scheduled'].includes(job.state)
  $('job-cancel').hidden = !['ready', 'running', 'scheduled', 'blocked'].includes(job.state) || job.cancelled !== null
  const { run, failures, steps } = job
  const parts = [
    list([
      ['Kind', job.kind],
      ['Queue', `${place(job)}, priority ${job.priority}`],
      ['Tried', `${job.attempt} of ${job.max_attempts ?? none}`],
      ['Enqueued', job.enqueued_at && time(job.enqueued_at)],
      ['Runs', job.run_at && time(job.run_at)],
      ['Died', job.died_at && time(job.died_at)],
      ['Is run by', run && `${run.name || 'a worker without a name'} (${run.worker}), since ${time(run.claimed_at)}, under the token ${run.token}`],
      ['To be cancelled', job.cancelled && `${job.cancelled.reason} (${time(job.cancelled.at)})`],
      ['Progress', job.percent !== null && job.percent !== undefined ? html('span', {}, html('progress', { max: 100, value: job.percent, 'aria-label': 'Progress' }), ` ${Math.round(job.percent)} %`) : null],
      ['It says', job.message],
      ['Expected', job.expected_at && time(job.expected_at)],
      ['Waits for', job.waits_for && `the event ${job.waits_for}${job.event ? ', which was told' : ''}`],
      ['Unique key', job.unique_key],
      ['Concurrency key', job.meta?.key],
      ['Schedule', job.meta?.schedule?.name],
      ['Trace', job.trace],
      ['Owner', job.owner],
    ]),
    ...(job.args === undefined ? [] : [html('div', {}, html('h3', {}, 'Arguments'), json(job.args))]),
    ...(job.data ? [html('div', {}, html('h3', {}, 'Progress says'), json(job.data))] : []),
    ...(job.event ? [html('div', {}, html('h3', {}, 'The event says'), json(job.event.payload))] : []),
    ...(steps.length ? [html('div', {}, html('h3', {}, 'Steps'), ...steps.map((s) => html('details', {}, html('summary', {}, `${s.name}, ${time(s.at)}`), json(s.result))))] : []),
    ...(failures.length ? [html('div', {}, html('h3', {}, failures.length === 50 ? 'The last 50 failures' : 'Failures'), ...failures.map((f, i) => html('details', i ? {} : { open: '' },
      html('summary', {}, `Attempt ${f.attempt}, ${f.outcome}, ${time(f.at)}`),
      html('pre', { tabindex: 0 }, f.error), ...(f.stack ? [html('pre', { tabindex: 0, class: 'stack' }, f.stack)] : []))))] : []),
  ]
  const text = parts.map((p) => p.textContent).join()
  if (text === shown) return
  shown = text
  const open = new Set([...$('job-body').querySelectorAll('details[open] > summary')].map((s) => s.textContent))
  $('job-body').replaceChildren(...parts)
  for (const s of $('job-body').querySelectorAll('summary')) if (open.has(s.textContent)) s.parentElement.open = true
}

export function wait(id) {
  shown = ''
  $('job-title').textContent = `Job ${id}`
  $('job-retry').hidden = $('job-cancel').hidden = true
  $('job-body').replaceChildren(html('p', { class: 'note' }, 'Asking for it.'))
}

export const fail = (why) => $('job-body').replaceChildren(html('p', { class: 'error', role: 'alert' }, why))
