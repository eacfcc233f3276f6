// The package in a page of another origin, in Chromium, against a real server.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { build } from 'esbuild'
import { anonKey, url } from '../../../tests/js/helpers.mjs'

// The driver is the tests' own.
const { chromium } = createRequire(new URL('../../../tests/js/', import.meta.url))('playwright-core')

test('pages, a batch, numbers and errors', async () => {
  const bundle = await build({
    stdin: { contents: "export * from '@fluxbase/js'", resolveDir: import.meta.dirname },
    bundle: true, format: 'iife', globalName: 'fluxbase', write: false,
  })
  const server = createServer((request, response) => {
    const script = request.url === '/sdk.js'
    response.writeHead(200, { 'Content-Type': script ? 'text/javascript' : 'text/html' })
    response.end(script ? bundle.outputFiles[0].text : '<!doctype html><title>SDK</title><link rel="icon" href="data:,"><script src="/sdk.js"></script>')
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const browser = await chromium.launch({
    executablePath: process.env.FLUXBASE_TEST_CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update'],
  })
  try {
    const page = await browser.newPage()
    const failures = []
    page.on('pageerror', (error) => failures.push(String(error)))
    await page.goto(`http://127.0.0.1:${server.address().port}/`)
    const seen = await page.evaluate(async ([url, key]) => {
      const db = fluxbase.createClient(url, key)
      const query = db.from('notes').select('title').order('title')
      const pages = []
      for await (const rows of db.pages(query, { size: 1 })) pages.push(rows)
      const error = await db.send(db.from('tags').delete().eq('name', 'none')).catch((e) => e)
      const [first, second] = await db.batch([query.limit(1), db.from('notes').select('id', { count: 'exact', head: true })])
      return {
        pages, first: first.data, count: second.count,
        typed: error instanceof fluxbase.FluxbaseError, code: error.code, status: error.status, requestId: error.requestId,
      }
    }, [url, anonKey])
    assert.match(seen.requestId, /^[A-Z0-9]{26}$/)
    delete seen.requestId
    assert.deepEqual(seen, {
      pages: [[{ title: 'Loops' }], [{ title: 'Tomatoes' }]], first: [{ title: 'Loops' }], count: 2,
      typed: true, code: '42501', status: 401,
    })
    assert.deepEqual(failures, [])
  } finally {
    await browser.close()
    server.close()
  }
})
