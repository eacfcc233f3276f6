// The real client of functions, against functions that run: each kind of body and answer, and
// the three kinds of errors.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { FunctionRegion, FunctionsFetchError, FunctionsHttpError, FunctionsRelayError } from '@supabase/supabase-js'
import { FunctionsClient } from '@supabase/functions-js'
import { anonKey, client } from './helpers.mjs'

const supabase = client()
const invoke = (name, options) => supabase.functions.invoke(name, options)

test('each kind of body', async () => {
  const form = new FormData()
  form.append('field', 'value')
  form.append('file', new Blob(['12345']), 'a.txt')
  const bytes = new Uint8Array(100_000).fill(65)
  for (const [body, type, want] of [
    [{ name: 'Ada' }, 'application/json', '{"name":"Ada"}'],
    ['text', 'text/plain', 'text'],
    [new Blob(['blob']), 'application/octet-stream', 'blob'],
    [bytes.buffer, 'application/octet-stream', 'A'.repeat(100_000)],
  ]) {
    const { data, error, response } = await invoke('echo', { body })
    assert.equal(error, null)
    assert.equal(response.status, 200)
    assert.equal(data.method, 'POST')
    assert.equal(data.path, '/echo')
    assert.ok(data.type.startsWith(type), data.type)
    assert.equal(data.body, want)
  }
  const { data } = await invoke('echo', { body: form })
  assert.deepEqual(data.form, { field: 'value', file: 'a.txt 5' })
})

test('methods, paths, queries, headers and the region', async () => {
  for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
    const { data } = await invoke('echo/below/%C3%A4?x=1&y=%20', { method, headers: { 'X-Mine': 'yes' }, region: FunctionRegion.EuCentral1 })
    assert.equal(data.method, method)
    assert.equal(data.path, '/echo/below/%C3%A4')
    assert.ok(data.query.includes('x=1') && data.query.includes('forceFunctionRegion=eu-central-1'), data.query)
    assert.equal(data.headers['x-mine'], 'yes')
    assert.equal(data.headers['x-region'], 'eu-central-1')
    assert.equal(data.headers.authorization, `Bearer ${anonKey}`)
    assert.equal(data.headers.apikey, anonKey)
  }
})

test('answers by their type', async () => {
  const text = await invoke('stream', { body: 'shout' })
  assert.equal(text.data, 'SHOUT')
  const events = await invoke('stream', { method: 'GET' })
  let all = ''
  for await (const part of events.data.body.pipeThrough(new TextDecoderStream())) all += part
  assert.equal(all, 'data: 0\n\ndata: 1\n\ndata: 2\n\n')
  const hello = await invoke('hello', { body: { name: 'Ada' } })
  assert.deepEqual(hello.data, { message: 'Hello Ada!' })
})

test('errors of the function, of the relay and of the network', async () => {
  const http = await invoke('fail')
  assert.ok(http.error instanceof FunctionsHttpError)
  assert.equal(http.error.context.status, 418)
  assert.deepEqual(await http.error.context.json(), { why: 'it was asked for' })
  const relay = await invoke('broken')
  assert.ok(relay.error instanceof FunctionsRelayError)
  assert.equal((await relay.error.context.json()).code, 'BOOT_ERROR')
  const thrown = await invoke('fail?how=throw')
  assert.ok(thrown.error instanceof FunctionsHttpError)
  assert.equal(thrown.error.context.status, 500)
  const none = await invoke('nobody')
  assert.equal(none.error.context.status, 404)
  assert.equal((await none.error.context.json()).message, 'Function not found')
  const gone = await new FunctionsClient('http://127.0.0.1:1').invoke('echo')
  assert.ok(gone.error instanceof FunctionsFetchError)
  const late = await invoke('fail?how=hang', { timeout: 300 })
  assert.ok(late.error instanceof FunctionsFetchError)
})

test('a token that is none', async () => {
  const { error } = await client('x.y.z').functions.invoke('echo')
  assert.equal(error.context.status, 401)
  const body = await error.context.json()
  assert.deepEqual(Object.keys(body), ['msg', 'request_id'])
  assert.equal(body.msg, 'Invalid JWT')
})
