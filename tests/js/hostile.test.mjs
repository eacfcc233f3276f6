// Hostile strings in every place where the client takes a text from an application.
// tests/hostile_test.go looks at the database before and after.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { client, serviceKey } from './helpers.mjs'

// With the service role, so that what got through could do all it wants.
const service = client(serviceKey)

const { closers, payloads, whole } = JSON.parse(await readFile(new URL('hostile.json', import.meta.url)))
const hostile = [...closers.flatMap((c) => payloads.map((p) => c + p)), ...whole]

const echo = () => service.from('echo')

// In these the text is a name or grammar: whatever comes back, it is no failure of
// the server's and nothing that SQL in the text has made.
const grammar = {
  'a table': (text) => service.from(text.trim() ? text : 'x').select('*').limit(1),
  'a function': (text) => service.rpc(text, {}),
  'an argument': (text) => service.rpc('same_text', { [text]: 'x' }),
  'select': (text) => echo().select(text),
  'a column of select': (text) => echo().select(`id,${text}`),
  'an embed': (text) => service.from('notes').select(`id,tags(${text})`),
  'the column of a filter': (text) => echo().select('id').eq(text, 'x'),
  'an operator': (text) => echo().select('id').filter('value', text, 'x'),
  'not': (text) => echo().select('id').not('value', text, 'x'),
  'or': (text) => echo().select('id').or(text),
  'an element of in': (text) => echo().select('id').in('value', [text, 'x']),
  'a search': (text) => echo().select('id').textSearch('value', text),
  'the language of a search': (text) => echo().select('id').textSearch('value', 'x', { config: text }),
  'order': (text) => echo().select('id').order(text),
  'the order of an embed': (text) => service.from('notes').select('id,tags(name)').order(text, { referencedTable: 'tags' }),
  'a limit': (text) => echo().select('id').limit(text),
  'a key of a body': (text) => service.from('tags').insert({ [text]: 'x' }),
  'on conflict': (text) => service.from('tags').upsert({ name: null }, { onConflict: text }),
  'a schema': (text) => service.schema(text.replace(/[^\x20-\x7e]/g, '')).from('echo').select(),
}

// each tries every text, some at once: an unknown name waits for a look at the database.
async function each(attempt) {
  const left = [...hostile]
  await Promise.all(Array.from({ length: 16 }, async () => {
    while (left.length > 0) await attempt(left.pop())
  }))
}

for (const [place, call] of Object.entries(grammar)) {
  test(`hostile text as ${place}`, async () => {
    await each(async (text) => {
      const answer = await call(text)
      const seen = JSON.stringify({ text, ...answer })
      assert.ok(answer.status >= 200 && answer.status < 500, seen)
      assert.ok(!seen.includes('gotcha'), seen) // what 'got'||'cha' gives
    })
  })
}

// In these it is a value, and comes back as it went. NUL is the one character that
// Postgres can't hold.
const data = {
  'the value of a filter': async (text) => {
    const { data, status } = await echo().select('value').eq('value', text)
    return { status, values: new Set(data?.map((row) => row.value)) }
  },
  'an argument': async (text) => {
    const { data, status } = await service.rpc('same_text', { value: text })
    return { status, values: new Set([data]) }
  },
  'an argument in the URL': async (text) => {
    const { data, status } = await service.rpc('same_text', { value: text }, { get: true })
    return { status, values: new Set([data]) }
  },
}

for (const [place, call] of Object.entries(data)) {
  test(`hostile text is data as ${place}`, async () => {
    await each(async (text) => {
      const { status, values } = await call(text)
      if (text.includes('\0')) assert.equal(status, 400, JSON.stringify(text))
      // In a URL of a function such a value is a filter, as in PostgREST.
      else if (place.endsWith('URL') && /^(not\.)?(eq|in|is)\./.test(text)) assert.ok([200, 400, 404].includes(status), text)
      else assert.deepEqual([status, [...values]], [200, [text]])
    })
  })
}
