// The live page, in Chromium, against a real server.
import { test, before, after } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'
import { disconnect, connect, joined, service } from './channels.mjs'
import { anonKey, good, serviceKey, sign, url } from './helpers.mjs'

const address = `${url}/realtime/v1/inspect`
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const patience = 15_000
let browser
let page
let complaints

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.FLUXBASE_TEST_CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update'],
  })
})
after(async () => {
  await disconnect()
  await browser.close()
})

// Each test has a page of its own, which may complain of nothing: no errors, no policy
// that is offended, no address with the key in it.
async function show(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...options })
  context.setDefaultTimeout(patience)
  page = await context.newPage()
  complaints = []
  page.on('console', (m) => {
    const refusal = m.location().url === `${address}/figures` && /status of 40[13]/.test(m.text())
    if (['error', 'warning'].includes(m.type()) && !refusal) complaints.push(m.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (r) => r.url().includes(serviceKey) && complaints.push(`the key is in ${r.url()}`))
  await page.addInitScript(() => document.addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`)))
  await page.goto(address)
}

async function done() {
  assert.deepEqual(complaints, [])
  assert.equal(page.url(), address)
  await page.context().close()
}

async function connectPage(key = serviceKey) {
  await page.getByLabel('Service role key', { exact: true }).fill(key)
  await page.getByRole('button', { name: 'Connect' }).click()
}

const text = (selector) => page.locator(selector).innerText()
const says = (selector, pattern) => page.locator(selector).filter({ hasText: pattern }).waitFor()
const tile = (name) => page.locator('#tiles div').filter({ has: page.getByText(name, { exact: true }) }).locator('dd')
const log = (pattern) => page.locator('#log li').filter({ hasText: pattern }).first().waitFor()

test('a wrong key is refused, in words that say how to mend it', async () => {
  await show()
  for (const [key, want] of [
    ['schlüssel', /begins with eyJ/],
    ['abc', /does not take that key: .*3 parts.*fluxbase keys printed it/],
    [sign({ role: 'service_role' }, 'the secret of another server, long enough'), /does not take that key: .*fluxbase keys printed it/],
    [sign({ role: 'service_role', exp: 1 }), /does not take that key: JWT expired/],
    [anonKey, /The figures are for the service_role key alone.*another/],
  ]) {
    await connectPage(key)
    await says('#key-error', want)
    assert.equal(await page.locator('#watch').isVisible(), false)
    assert.equal(await page.evaluate(() => document.activeElement.id), 'key', 'the focus is where the mistake is')
  }
  await done()
})

test('the figures move', async () => {
  await show()
  const who = connect()
  const j = await joined(who, 'a room <b>of</b> tests')
  await connectPage()
  await says('#state', 'Streaming')
  await tile('Connections').getByText('1', { exact: true }).waitFor()
  await says('#channels tbody th', 'a room <b>of</b> tests')
  await says('#slots tbody', /fluxbase_.*yes.*reserved/s)
  await page.waitForFunction(() => document.querySelectorAll('.chart').length === 6)
  // A line of two moments at least, that goes on and slides.
  const line = () => page.locator('.chart path.line').first().getAttribute('d')
  await page.waitForFunction(() => /L/.test(document.querySelector('.chart path.line').getAttribute('d')))
  const first = await line()
  await page.waitForFunction((d) => document.querySelector('.chart path.line').getAttribute('d') !== d, first)
  await page.waitForFunction(() => document.getAnimations().some((a) => a.effect.target.tagName === 'g'))
  j.channel.send({ type: 'broadcast', event: 'said', payload: {} })
  await page.waitForFunction(() => [...document.querySelectorAll('#tiles div')].some((d) => /Messages in/.test(d.textContent) && /[1-9]/.test(d.textContent)))

  // Paused it stands still; then it has what came meanwhile.
  await page.getByRole('button', { name: 'Pause' }).click()
  const paused = await line()
  const second = joined(who, 'joined in the pause')
  await second
  const drawn = await page.evaluate(() => new Promise((d) => setTimeout(() => d(document.querySelector('.chart path.line').getAttribute('d')), 1500)))
  assert.equal(drawn, paused)
  await page.getByRole('button', { name: 'Pause' }).click()
  await says('#channels tbody', 'joined in the pause')

  await page.getByLabel('Search').fill('ROOM')
  assert.equal(await page.locator('#channels tbody tr').count(), 1)
  await page.getByLabel('Search').fill('no such')
  await says('#channels-note', 'None of them')
  await page.getByText('All figures').click()
  await says('#all tbody', 'fluxbase_realtime_messages_sent_total')

  // A reload asks for the key again, unless it was to be kept; forgotten is forgotten.
  await page.reload()
  await page.getByLabel('Keep it').check()
  await connectPage()
  await says('#state', 'Streaming')
  await page.reload()
  await says('#state', 'Streaming')
  await page.getByRole('button', { name: 'Forget the key' }).click()
  await page.reload()
  assert.equal(await text('#state'), 'Not connected')
  assert.deepEqual(await page.evaluate(() => [Object.keys(sessionStorage), Object.keys(localStorage)]), [[], []])
  await done()
})

test('rates and percentiles are those of two moments', async () => {
  await show()
  const got = await page.evaluate(async () => {
    const { moment, percentile, rate, value } = await import('/realtime/v1/inspect/figures.js')
    const at = (time, sent, [low, high, all], process = 'one') => moment({ at: time, process, metrics: [
      { name: 'sent', series: [{ labels: { op: 'a' }, value: sent }, { labels: { op: 'b' }, value: 1 }] },
      { name: 'took', series: [{ count: all, buckets: [[0.1, low], [0.2, high]] }] },
    ] })
    const [from, to] = [at(1000, 10, [5, 5, 5]), at(3000, 30, [55, 105, 105])]
    const took = (q, a = from, b = to) => percentile(a, b, 'took', q)
    return {
      values: [value(to, 'sent'), value(to, 'sent', 'b'), value(to, 'unknown')],
      rates: [rate(from, to, 'sent'), rate(from, to, 'sent', 'b'), rate(from, to, 'unknown'), rate(from, from, 'sent')],
      restarted: [rate(to, at(4000, 2, [0, 0, 0]), 'sent'), rate(from, at(3000, 30, [9, 9, 9], 'two'), 'sent'), took(0.5, from, at(3000, 0, [9, 9, 9], 'two'))],
      percentiles: [took(0.25), took(0.5), took(0.75), took(1)].map((n) => Math.round(n * 1000)),
      above: took(0.99, from, at(3000, 0, [5, 6, 105])), none: took(0.5, from, from),
    }
  })
  assert.deepEqual(got, {
    values: [31, 1, undefined], rates: [10, 0, undefined, undefined], restarted: [undefined, undefined, undefined],
    percentiles: [50, 100, 150, 200], above: 0.2, none: undefined,
  })
  await done()
})

test('the console joins, says, hears itself and rows of SQL', async () => {
  await show()
  await page.getByRole('button', { name: 'Join' }).click()
  await says('#console-error', 'Give a key or token')
  await page.getByLabel('Join as').fill('abc')
  await page.getByRole('button', { name: 'Join' }).click()
  await says('#console-error', /refused the connection/)
  complaints = complaints.filter((c) => !/WebSocket connection to .* failed/.test(c)) // said by the browser
  await page.getByLabel('Join as').fill(anonKey)
  await page.getByLabel('Table').fill('nowhere')
  await page.getByRole('button', { name: 'Join' }).click()
  await says('#console-error', /RealtimeDisabledForConfiguration.*nowhere/)
  await page.getByLabel('Table').fill('')
  await page.getByLabel('Private').check()
  await page.getByRole('button', { name: 'Join' }).click()
  await says('#console-error', /No policy on realtime.messages/)

  await page.getByLabel('Private').uncheck()
  await page.getByRole('textbox', { name: 'Channel' }).fill('console')
  await page.getByLabel('Table').fill('open')
  await page.getByLabel('Filter').fill('id=gt.5000')
  await page.getByRole('button', { name: 'Join' }).click()
  await says('#joined', 'Joined console')
  await page.getByText('The same in supabase-js').click()
  await says('#code code', '"filter":"id=gt.5000"')
  await page.getByRole('group', { name: 'Broadcast' }).getByLabel('Event').fill('wave')
  await page.getByLabel('Payload').fill('{"to": "all"')
  await page.getByRole('button', { name: 'Send' }).click()
  await says('#console-error', 'no JSON')
  await page.getByLabel('Payload').fill('{"to": "<i>all</i>"}')
  await page.getByRole('button', { name: 'Send' }).click()
  await log(/Said\s*wave/)
  await log(/Heard\s*wave\s*{"to":"<i>all<\/i>"}/)

  good(await service.from('open').insert({ id: 1 }))
  good(await service.rpc('fill', { n: 1 }))
  await log(/Change\s*INSERT public.open.*"id":5001/)
  assert.equal(await page.locator('#log li.change').count(), 1, 'what the filter leaves out is not there')
  good(await service.from('open').delete().gt('id', 0))
  await page.getByRole('button', { name: 'Track', exact: true }).click()
  await log(/Heard\s*presence_diff.*"mood":"curious"/)
  await page.getByRole('button', { name: 'Untrack' }).click()
  await log(/Heard\s*presence_diff.*"leaves":{".*"mood":"curious"/)
  await page.getByRole('button', { name: 'Leave' }).click()
  assert.equal(await text('#joined'), 'Not joined')
  await done()
})

test('everything can be done with the keyboard', async () => {
  await show({ reducedMotion: 'reduce' })
  const reached = []
  // tab goes on to the element that is wanted, and looks at each on the way.
  async function tab(wanted) {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab')
      const at = await page.evaluate(() => {
        const e = document.activeElement
        const { outlineStyle, outlineWidth } = getComputedStyle(e)
        return { id: e.id || e.className || e.textContent.trim(), seen: outlineStyle !== 'none' && outlineWidth !== '0px' }
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
  await says('#state', 'Streaming')
  await page.locator('.plot').first().waitFor()
  await page.evaluate(() => document.activeElement.blur())
  await page.waitForFunction(() => /L/.test(document.querySelector('.chart path.line').getAttribute('d')))
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0, 'nothing moves for who does not want it')
  await tab('plot')
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('ArrowLeft')
  const slider = page.getByRole('slider', { name: 'Connections and channels' })
  assert.match(await slider.getAttribute('aria-valuetext'), /^2 s ago: connections .*channels /)
  await page.keyboard.press('End')
  assert.match(await slider.getAttribute('aria-valuetext'), /^now: /)
  await tab('topic')
  await tab('join')
  await page.keyboard.press('Enter')
  await says('#joined', 'Joined lobby')
  await tab('payload')
  await page.keyboard.press('Enter')
  await log(/Heard\s*hello/)
  await done()
})

// The rules of WCAG 2.2, levels A and AA, that a program can check. Of another look the
// contrast alone differs.
const rules = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }
const contrast = { type: 'rule', values: ['color-contrast'] }

for (const [name, options, runOnly] of [
  ['light', { colorScheme: 'light' }, rules],
  ['dark', { colorScheme: 'dark' }, contrast],
  ['narrow', { colorScheme: 'light', viewport: { width: 360, height: 740 } }, rules],
]) {
  test(`it is accessible: ${name}`, async () => {
    await show(options)
    await page.evaluate(axe)
    const check = async () => {
      const { violations } = await page.evaluate((runOnly) => axe.run({ runOnly }), runOnly)
      assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.html} ${n.failureSummary}`).join('\n')}`), [])
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is off to the right')
    }
    await check()
    await page.getByLabel('Join as').fill(anonKey)
    await page.getByRole('button', { name: 'Join' }).click()
    await says('#joined', 'Joined')
    await page.getByRole('button', { name: 'Send' }).click()
    await log('Heard')
    await connectPage()
    await page.locator('.plot').first().waitFor()
    await page.locator('#slots tbody tr').first().waitFor()
    await page.getByText('All figures').click()
    await page.getByText('The same in supabase-js').click()
    await check()
    await done()
  })
}
