// The page of jobs, in Chromium, against a real server.
import { test, before, after } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'
import { anonKey, serviceKey, sign, url } from './helpers.mjs'

const address = `${url}/api/v1/admin/jobs/ui`
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const worker = '00000000-0000-4000-8000-00000000000a'
const evil = `<img src=x onerror="document.title='hacked'"><script>document.title='hacked'</script>`
let browser
let page
let complaints
let asked // of the server by the page: addresses and when

async function jobs(path, body) {
  const answer = await fetch(`${url}/jobs/v1/${path}`, { method: body ? 'POST' : 'GET', headers: { authorization: `Bearer ${serviceKey}` }, body: body && JSON.stringify(body) })
  assert.ok(answer.ok, `${path}: ${answer.status} ${answer.ok ? '' : await answer.text()}`)
  return answer.json()
}

// dead makes a job that is dead, for a reason that must stay a text.
async function dead() {
  const { id } = await jobs('enqueue', { kind: 'risky', queue: 'risky', max_attempts: 1, args: { name: evil } })
  const [job] = await jobs('claim', { worker, queues: ['risky'], want: 1, lease: '1 hour', name: 'ada' })
  await jobs('finish', { worker, failed: [{ id: job.id, token: job.token, error: evil, stack: `at ${evil}` }] })
  return id
}

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.FLUXBASE_TEST_CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update'],
  })
})
after(() => browser.close())

// Each test has a page of its own, which may complain of nothing: no errors, no policy
// that is offended, no address with the key in it.
async function show(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...options })
  context.setDefaultTimeout(15_000)
  page = await context.newPage()
  complaints = []
  asked = []
  page.on('console', (m) => {
    const refusal = m.location().url.startsWith(`${url}/api/v1/admin/jobs/`) && /status of 40[0134]/.test(m.text())
    if (['error', 'warning'].includes(m.type()) && !refusal) complaints.push(m.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('dialog', (d) => complaints.push(d.message()))
  page.on('request', (r) => {
    asked.push({ url: r.url(), at: Date.now() })
    if (r.url().includes(serviceKey)) complaints.push(`the key is in ${r.url()}`)
    if (!r.url().startsWith(url)) complaints.push(`asks elsewhere: ${r.url()}`)
  })
  await page.addInitScript(() => document.addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`)))
  await page.goto(address)
}

async function done() {
  assert.deepEqual(complaints, [])
  assert.equal(page.url(), address)
  assert.equal(await page.title(), 'Jobs')
  assert.deepEqual(await page.evaluate(async () => [Object.keys(sessionStorage), Object.keys(localStorage), document.cookie, (await indexedDB.databases()).length]), [[], [], '', 0])
  await page.context().close()
}

async function connect(key = serviceKey) {
  await page.getByLabel('Service role key', { exact: true }).fill(key)
  await page.getByRole('button', { name: 'Connect' }).click()
}

const says = (selector, pattern) => page.locator(selector).filter({ hasText: pattern }).first().waitFor()
const tile = (name) => page.locator('#tiles div').filter({ has: page.getByText(name, { exact: true }) }).locator('dd')
const look = (name) => page.locator('#views').getByRole('button', { name, exact: true }).click()
const row = (text) => page.locator('#list tbody tr').filter({ hasText: text })
const count = (selector, n) => page.waitForFunction(([s, n]) => document.querySelectorAll(s).length === n, [selector, n])

test('a wrong key is refused, in words that say how to mend it', async () => {
  await show()
  for (const [key, want] of [
    ['schlüssel', /begins with eyJ/],
    ['abc', /does not take that key/],
    [sign({ role: 'service_role', exp: 1 }), /does not take that key: JWT expired/],
    [anonKey, /for the service role alone/],
  ]) {
    await connect(key)
    await says('#key-error', want)
    assert.equal(await page.locator('#watch').isVisible(), false)
    assert.equal(await page.evaluate(() => document.activeElement.id), 'key', 'the focus is where the mistake is')
  }
  await done()
})

test('charts show what was and what is', async () => {
  await show()
  await connect()
  await says('#state', 'Watching')
  await tile('Ready').getByText('120', { exact: true }).waitFor()
  await count('.chart', 5)
  const [depth, speed, took] = ['Jobs that wait and run', 'Jobs a second', 'How long they took'].map((name) => page.getByRole('slider', { name }))
  const value = (slider) => slider.getAttribute('aria-valuetext')
  await page.waitForFunction(() => /ready 120/.test(document.querySelector('.plot').getAttribute('aria-valuetext')))
  // The database has kept ten minutes, of which the oldest is read with the keyboard.
  await page.waitForFunction(() => document.querySelectorAll('.chart path.line')[3].getAttribute('d').split('L').length > 50)
  await depth.focus()
  for (let i = 0; i < 4; i++) await page.keyboard.press('PageDown')
  assert.match(await value(depth), /^6\.7 min ago: ready 7, running 3/)
  assert.match(await value(speed), /^6\.7 min ago: enqueued 5\/s, completed 20\/s, failed 1\/s/, 'all charts show that moment')
  assert.match(await value(took), /p50 1\.5 ms, p95 2 ms, p99 2 ms/)
  await page.keyboard.press('End')

  // What comes is seen, without a reload.
  await jobs('enqueue', { kind: 'late', queue: 'mail' })
  await tile('Ready').getByText('121', { exact: true }).waitFor()
  assert.match(await value(depth), /^now: ready 121/)
  await jobs(`jobs/${(await jobs('jobs?kind=late&state=ready'))[0].id}/cancel`, {})
  await page.getByLabel('Last').selectOption('24 hours')
  await page.waitForFunction(() => document.querySelector('.plot').getAttribute('aria-valuemin') === '-86400')
  await page.getByLabel('Queue', { exact: true }).selectOption('idle')
  await page.waitForFunction(() => /now: ready 0/.test(document.querySelector('.plot').getAttribute('aria-valuetext')))
  await says('#list-note', 'None.')
  await done()
})

test('it asks once a second at most, and nothing while it is not seen', async () => {
  await show()
  await connect()
  await count('.chart', 5)
  const from = asked.length
  await page.waitForFunction((n) => performance.getEntriesByType('resource').length > n, await page.evaluate(() => performance.getEntriesByType('resource').length + 3))
  const times = asked.slice(from).map((r) => r.at)
  assert.ok((times.at(-1) - times[0]) / (times.length - 1) > 900, asked.slice(from).map((r) => `${r.at} ${r.url}`).join('\n'))
  const statuses = new Set()
  page.on('response', (r) => statuses.add(r.status()))
  await page.waitForResponse((r) => r.url().endsWith('/overview'))
  // Hidden, as a browser tells it.
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { get: () => true, configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  })
  await page.evaluate(() => new Promise((d) => setTimeout(d, 300))) // what was on its way
  const before = asked.length
  await page.evaluate(() => new Promise((d) => setTimeout(d, 1500)))
  assert.equal(asked.length, before)
  await page.evaluate(() => {
    delete document.hidden
    document.dispatchEvent(new Event('visibilitychange'))
  })
  await page.waitForResponse((r) => r.status() === 304)
  await done()
})

test('pages, filters, and one job', async () => {
  await show()
  await connect()
  await count('#list tbody tr', 50)
  const first = await page.locator('#list tbody th').first().innerText()
  assert.equal(await page.getByRole('button', { name: 'Previous page' }).isDisabled(), true)
  await page.getByRole('button', { name: 'Next page' }).click()
  await says('#list-note', 'Page 2: 50.')
  await page.getByRole('button', { name: 'Next page' }).click()
  await says('#list-note', 'Page 3: 20.')
  assert.equal(await page.getByRole('button', { name: 'Next page' }).isDisabled(), true)
  for (const n of [2, 1]) {
    await page.getByRole('button', { name: 'Previous page' }).click()
    await says('#list-note', `Page ${n}: 50.`)
  }
  assert.equal(await page.locator('#list tbody th').first().innerText(), first)
  await page.getByLabel('Kind').fill('none such')
  await page.keyboard.press('Enter')
  await says('#list-note', 'None.')
  await page.getByLabel('Kind').fill('')
  await page.keyboard.press('Enter')

  await look('Running')
  await row('paint').getByText('40 % half the wall').waitFor()
  await row('paint').getByRole('button').first().click()
  for (const text of [/Is run by/, /bob \(0/, /"wall": 3/, /first, /, /0af7651916cd43dd8448eb211c80319c/]) await says('#job-body', text)
  await page.keyboard.press('Escape')
  await look('Schedules')
  await row('nightly').getByRole('button', { name: 'Pause nightly' }).click()
  await says('#done', 'nightly: paused.')
  await row('nightly').getByRole('button', { name: 'Resume nightly' }).waitFor()
  await row('nightly').getByRole('button', { name: 'Run now nightly' }).click()
  await says('#done', /nightly: job \d+ is enqueued/)
  await look('Limits')
  await says('#list tbody', /tenant:\*default210/)
  await look('Workers')
  await row('bob').getByRole('button', { name: 'Its jobs of bob' }).click()
  await says('#list-note', /Page 1: 1\. Of the worker 0/)
  await look('Blocked')
  await says('#list-note', 'None.')
  await done()
})

test('failures are texts; what is dead runs again; what waits is cancelled', async () => {
  const id = await dead()
  const other = await dead()
  await show()
  await connect()
  await look('Failures')
  await row(String(id)).getByText(evil).waitFor()
  await look('Dead')
  await row(String(id)).getByText(evil).waitFor()
  await row(String(id)).getByRole('button', { name: String(id), exact: true }).click()
  await says('#job-body .stack', `at ${evil}`)
  await says('#job-body', '"name": "<img src=x onerror')
  assert.equal(await page.locator('#job img, #job script, #list img, #list script').count(), 0)
  await page.getByRole('button', { name: 'Run now', exact: true }).click()
  await says('#job-title', `Job ${id}, ready`)
  await page.getByRole('button', { name: 'Cancel the job' }).click()
  await page.getByLabel('Why').fill(evil)
  await page.locator('#ask-yes').click()
  await says('#job-title', `Job ${id}, cancelled`)
  await page.getByRole('button', { name: 'Close' }).click()
  await page.waitForFunction((id) => ![...document.querySelectorAll('#list tbody th')].some((th) => th.textContent === id), String(id))

  const queue = page.locator('#queues tbody tr').filter({ hasText: 'risky' })
  await queue.getByRole('button', { name: 'Redrive risky' }).click()
  await page.getByRole('button', { name: 'Leave it' }).click()
  await queue.getByRole('button', { name: 'Redrive risky' }).click()
  await page.locator('#ask-yes').click()
  await says('#done', '1 jobs of risky may run again')
  assert.equal((await jobs(`jobs/${other}`)).state, 'ready')
  await queue.getByRole('button', { name: 'Pause risky' }).click()
  await page.getByLabel('Why').fill('a <b>feast</b>')
  await page.keyboard.press('Enter')
  await queue.getByText('paused: a <b>feast</b>').waitFor()
  assert.deepEqual(await jobs('claim', { worker, queues: ['risky'] }), [])
  await queue.getByRole('button', { name: 'Resume risky' }).click()
  await queue.getByText('open').waitFor()
  await look('Ready')
  await page.getByLabel('Queue', { exact: true }).selectOption('risky')
  await row(String(other)).getByRole('button', { name: `Cancel job ${other}` }).click()
  await page.locator('#ask-yes').click()
  await says('#done', `Job ${other}: cancelled.`)
  await page.getByRole('button', { name: 'Forget the key' }).click()
  assert.equal(await page.locator('#list tbody tr').count(), 0)
  assert.equal(await page.locator('#key').inputValue(), '')
  await done()
})

test('everything can be done with the keyboard', async () => {
  await show()
  const reached = []
  // tab goes on to the element that is wanted, and looks at each on the way.
  async function tab(wanted) {
    for (let i = 0; i < 200; i++) {
      await page.keyboard.press('Tab')
      const at = await page.evaluate(() => {
        const e = document.activeElement
        const { outlineStyle, outlineWidth } = getComputedStyle(e)
        return { id: e.id || e.getAttribute('aria-label') || e.textContent.trim(), seen: outlineStyle !== 'none' && outlineWidth !== '0px' }
      })
      assert.ok(at.seen, `${at.id} shows that it has the focus`)
      reached.push(at.id)
      if (at.id === wanted) return
    }
    assert.fail(`${wanted} is not reached: ${reached.join(', ')}`)
  }
  await tab('key')
  await page.keyboard.type(serviceKey)
  await page.keyboard.press('Enter')
  await count('#list tbody tr', 50)
  await page.evaluate(() => document.activeElement.blur())
  await tab('queue')
  await tab('Jobs a second')
  await tab('Pause mail')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Escape')
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Pause mail', 'the focus is back')
  await tab('Scheduled')
  await page.keyboard.press('Enter')
  await says('#list tbody', 'later')
  await done()
})

// The rules of WCAG 2.2, levels A and AA, that a program can check. Of another look the
// contrast alone differs.
const rules = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }
const contrast = { type: 'rule', values: ['color-contrast'] }

for (const [name, options, runOnly, states] of [
  ['light', { colorScheme: 'light' }, rules, ['out', 'list', 'job', 'ask']],
  ['dark', { colorScheme: 'dark' }, contrast, ['list', 'job']],
  ['narrow', { colorScheme: 'light', viewport: { width: 360, height: 740 } }, rules, ['list']],
]) {
  test(`it is accessible: ${name}`, async () => {
    await show({ reducedMotion: 'reduce', ...options }) // colours are looked at, not their change
    await page.evaluate(axe)
    const check = async (state) => {
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${state}: nothing is off to the right`)
      if (!states.includes(state)) return
      const { violations } = await page.evaluate((runOnly) => axe.run({ runOnly }), runOnly)
      assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.html} ${n.failureSummary}`).join('\n')}`), [], state)
    }
    await check('out')
    await connect()
    await count('#list tbody tr', 50)
    await look('Running')
    await row('paint').first().waitFor()
    await check('list')
    await row('paint').getByRole('button').first().click()
    await says('#job-body', 'Is run by')
    await check('job')
    await page.getByRole('button', { name: 'Cancel the job' }).click()
    await check('ask')
    await page.getByRole('button', { name: 'Leave it' }).click()
    await done()
  })
}
