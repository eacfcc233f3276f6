// Compressed answers and errors about bodies, as real clients see them.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { anonKey, client, refused, rows, serviceKey, url } from './helpers.mjs'

const list = `${url}/rest/v1/documents?order=id&limit=500`
const service = client(serviceKey)

test('fetch asks for compressed answers and reads them', async () => {
  const plain = await fetch(list, { headers: { apikey: anonKey, 'accept-encoding': 'identity' } })
  assert.equal(plain.headers.get('content-encoding'), null)
  const answer = await fetch(list, { headers: { apikey: anonKey } })
  assert.equal(answer.headers.get('content-encoding'), 'gzip')
  assert.equal(answer.headers.get('etag'), plain.headers.get('etag'))
  assert.equal(await answer.text(), await plain.text())
})

test('fetch reads an export line by line', async () => {
  const answer = await fetch(list, { headers: { apikey: anonKey, accept: 'application/x-ndjson' } })
  assert.equal(answer.headers.get('content-encoding'), 'gzip')
  const lines = (await answer.text()).trimEnd().split('\n')
  assert.equal(lines.length, 500)
  assert.equal(JSON.parse(lines[499]).id, 500)
})

test('supabase-js gets the same rows', async () => {
  const found = await rows(client().from('documents').select('id, body').order('id').limit(500))
  assert.equal(found.length, 500)
  assert.match(found[499].body.text, /document 500/)
})

test('supabase-js is told which limit a body is over', async () => {
  const error = await refused(service.from('documents').insert({ id: 3000, note: 'x'.repeat(1 << 20) }), 413, 'body_too_large')
  assert.match(error.message, /1 MB, the limit of route class rest/)
  assert.deepEqual(error.details, { limit_bytes: 1 << 20, route_class: 'rest' })
  assert.match(error.hint, /FLUXBASE_SERVER_BODY_LIMITS/)
  let deep = {}
  for (let i = 0; i < 70; i++) deep = { deep }
  await refused(service.from('documents').insert({ id: 3000, body: deep }), 400, 'json_too_deep')
})
