// The package as it is installed, against a running server with the demo's notes.
import { test, describe, after } from 'node:test'
import assert from 'node:assert/strict'
import { createServer, request as requestOf } from 'node:http'
import { createRequire } from 'node:module'
import { build } from 'esbuild'
import { SupabaseClient, createClient as createSupabase } from '@supabase/supabase-js'
import { FluxbaseError, batch, createClient, once, page, pages, ref, rows, send } from '@fluxbase/js'
import { ada, anonKey, serviceKey, url, userToken } from '../../../tests/js/helpers.mjs'

const options = { auth: { persistSession: false, autoRefreshToken: false } }
const anon = createClient(url, anonKey, options)
const service = createClient(url, serviceKey, options)
const adas = createClient(url, anonKey, { accessToken: async () => userToken(ada) })

const mine = 'written by the SDK'
after(() => send(service.from('notes').delete().like('title', `${mine}%`)))

async function thrown(promise) {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof FluxbaseError, String(error))
    return error
  }
  assert.fail('it did not throw')
}

test("it is supabase-js's own client", async () => {
  assert.ok(anon instanceof SupabaseClient)
  const { data, error } = await anon.from('notes').select('title').order('title')
  assert.deepEqual([data, error], [[{ title: 'Loops' }, { title: 'Tomatoes' }], null])
})

describe('pages', () => {
  const query = service.from('notes').select('id, title').order('title', { ascending: false })
  const whole = async () => (await query).data

  test('all pages are the whole, and the query stays as it was', async () => {
    const list = []
    for await (const some of service.pages(query, { size: 2 })) list.push(some)
    assert.deepEqual(list.map((some) => some.length), [2, 2, 1])
    assert.deepEqual(list.flat(), await whole())
  })
  test('row by row, as far as one likes', async () => {
    const titles = []
    for await (const row of rows(query, { size: 1 })) {
      titles.push(row.title)
      if (titles.length === 3) break
    }
    assert.deepEqual(titles, (await whole()).slice(0, 3).map((row) => row.title))
  })
  test('go on from where an earlier page ended', async () => {
    const first = await page(query, { size: 3 })
    assert.equal(typeof first.next, 'string')
    const rest = []
    for await (const some of pages(query, { size: 3, cursor: first.next })) rest.push(...some)
    assert.deepEqual([...first.data, ...rest], await whole())
    const error = await thrown(page(query.gt('id', 0), { cursor: first.next }))
    assert.deepEqual([error.code, error.status], ['invalid_cursor', 400])
  })
  test("any client of supabase-js, and functions' rows", async () => {
    const other = createSupabase(url, anonKey, options)
    const list = []
    for await (const some of pages(other.from('notes').select('title'), { size: 1 })) list.push(...some)
    assert.equal(list.length, 2)
  })
})

describe('errors', () => {
  test('have code, status and the id of the request', async () => {
    const error = await thrown(anon.send(anon.from('tags').insert({ name: 'mine' })))
    assert.deepEqual([error.name, error.code, error.status, error.operation], ['FluxbaseError', '42501', 401, null])
    assert.match(error.requestId, /^[A-Z0-9]{26}$/)
    assert.match(error.message, /permission denied/)
  })
  test('have details and hint', async () => {
    const error = await thrown(send(service.from('nots').select()))
    assert.deepEqual([error.code, error.status], ['PGRST205', 404])
    assert.match(error.hint, /notes/)
  })
  test('of no answer', async () => {
    const nowhere = createClient('http://127.0.0.1:9', anonKey, options)
    const error = await thrown(send(nowhere.from('notes').insert({ title: mine })))
    assert.deepEqual([error.status, error.code, error.requestId], [0, '', null])
  })
})

test('how many rows a write touched', async () => {
  const made = await send(service.from('notes').insert([{ title: mine, owner_id: ada }, { title: mine, owner_id: ada }]))
  assert.deepEqual([made.affected, made.status, made.data], [2, 201, null])
  const changed = await send(service.from('notes').update({ body: 'x' }).eq('title', mine).select('body'))
  assert.deepEqual([changed.affected, changed.data], [2, [{ body: 'x' }, { body: 'x' }]])
  assert.equal((await send(service.from('notes').delete().eq('title', mine))).affected, 2)
  assert.equal((await send(service.from('notes').delete().eq('title', mine))).affected, 0)
  assert.equal((await send(service.from('notes').select('id', { count: 'exact' }).limit(1))).affected, null)
})

describe('batches', () => {
  test('all of it, each with the answer that it has alone', async () => {
    const [book, notes, list, changed, text, none, some] = await adas.batch([
      { id: 'book', query: adas.from('notebooks').insert({ title: mine }).select('id, title').single() },
      {
        id: 'notes',
        query: adas.from('notes').insert([1, 2].map((n) => ({ title: `${mine} ${n}`, notebook_id: ref('book/id') }))).select('id'),
      },
      adas.from('notes').select('title, notebooks(title)', { count: 'exact' }).eq('notebook_id', ref('book/id')).order('title').limit(1),
      adas.from('notes').update({ body: 'x' }).in('id', [ref('notes/*/id')]),
      adas.from('notes').select('id').eq('title', '{r0}'), // a text, whatever it looks like
      adas.from('notes').select('id').eq('title', 'not there').maybeSingle(),
      adas.from('notes').select('title').like('title', `${mine}%`).order('title').csv(),
    ])
    assert.deepEqual([book.status, book.data.title, notes.affected, changed.affected, text.data], [201, mine, 2, 2, []])
    assert.deepEqual([list.data, list.count], [[{ title: `${mine} 1`, notebooks: { title: mine } }], 2])
    assert.deepEqual([none.data, some.data], [null, `title\n"${mine} 1"\n"${mine} 2"`])
    await send(adas.from('notebooks').delete().eq('id', book.data.id))
  })
  test('or nothing of it', async () => {
    const title = `${mine} in vain`
    const error = await thrown(
      batch([adas.from('notes').insert({ title }), { id: 'second', query: adas.from('comments').insert({ note_id: -1, body: 'hm' }) }]),
    )
    assert.deepEqual(error.operation, { index: 1, id: 'second' })
    assert.equal(error.status, 403)
    assert.match(error.requestId, /^[A-Z0-9]{26}$/)
    assert.deepEqual((await send(adas.from('notes').select('id').eq('title', title))).data, [])
  })
  test('of nothing', async () => assert.deepEqual(await batch([]), []))
})

// A way to the server on which things happen to answers: each is what is done with the next.
async function unreliable(run) {
  const misfortunes = []
  const keys = []
  const way = createServer((incoming, outgoing) => {
    keys.push(incoming.headers['idempotency-key'])
    const misfortune = misfortunes.shift()
    if (misfortune?.status) return outgoing.writeHead(misfortune.status, misfortune.headers).end(misfortune.body)
    const forward = requestOf(url + incoming.url, { method: incoming.method, headers: incoming.headers }, (answer) => {
      if (misfortune === 'cut') return answer.resume().on('end', () => incoming.socket.destroy())
      outgoing.writeHead(answer.statusCode, answer.headers)
      answer.pipe(outgoing)
    })
    incoming.pipe(forward)
  })
  await new Promise((resolve) => way.listen(0, '127.0.0.1', resolve))
  try {
    const client = createClient(`http://127.0.0.1:${way.address().port}`, anonKey, { accessToken: async () => userToken(ada) })
    await run({ client, misfortunes, keys })
  } finally {
    way.close()
    way.closeAllConnections()
  }
}

describe('writes that happen once', () => {
  const quick = { delay: 1 }
  const count = async (title) => (await send(adas.from('notes').select('id', { count: 'exact', head: true }).eq('title', title))).count

  test('although the connection breaks after the request was sent', () => unreliable(async ({ client, misfortunes, keys }) => {
    const title = `${mine} once`
    misfortunes.push('cut', 'cut')
    const { data, status, replayed } = await client.once(client.from('notes').insert({ title }).select('title').single(), quick)
    assert.deepEqual([data, status, replayed], [{ title }, 201, true])
    assert.equal(await count(title), 1)
    assert.deepEqual([keys.length, new Set(keys).size], [3, 1])
    assert.match(keys[0], /^"[0-9a-f]{32}"$/)
  }))
  test('although the server has no time, or does it still', () => unreliable(async ({ client, misfortunes }) => {
    const title = `${mine} later`
    misfortunes.push(
      { status: 503 }, { status: 504, body: 'a gateway' }, { status: 502 },
      { status: 409, headers: { 'Retry-After': '0' }, body: '{"code":"idempotency_in_progress","message":"it runs"}' },
    )
    const { replayed, affected } = await once(client.from('notes').insert({ title }), quick)
    assert.deepEqual([replayed, affected, await count(title)], [false, 1, 1])
  }))
  test('all of a batch', () => unreliable(async ({ client, misfortunes }) => {
    const title = `${mine} together`
    misfortunes.push('cut')
    const [one] = await client.batch([client.from('notes').insert({ title }), client.from('notes').select('title').eq('title', title)], { once: quick })
    assert.deepEqual([one.status, one.replayed, await count(title)], [201, true, 1])
  }))
  test('under a name of their own, which is for nothing else', async () => {
    const title = `${mine} named`
    const key = `a "name" of ${Date.now()}`
    const query = adas.from('notes').insert({ title })
    assert.equal((await once(query, { key })).replayed, false)
    assert.equal((await once(query, { key })).replayed, true)
    const error = await thrown(once(adas.from('notes').insert({ title: `${title} 2` }), { key }))
    assert.deepEqual([error.code, error.status], ['idempotency_mismatch', 422])
    assert.equal(await count(title), 1)
  })
  test('what is refused is not tried again, and what never answers not for ever', () => unreliable(async ({ client, misfortunes, keys }) => {
    const error = await thrown(client.once(client.from('comments').insert({ note_id: -1, body: 'hm' }), quick))
    assert.deepEqual([error.status, keys.length], [403, 1])
    misfortunes.push({ status: 503, body: '{"code":"PGRST000","message":"away"}' }, 'cut', 'cut')
    const title = `${mine} in vain`
    assert.equal((await thrown(client.once(client.from('notes').insert({ title }), { ...quick, tries: 3 }))).status, 0)
    assert.deepEqual([keys.length, await count(title)], [4, 1])
    misfortunes.push({ status: 503 }, { status: 503 })
    const stop = new AbortController()
    const sent = setInterval(() => keys.length === 5 && stop.abort(), 5)
    await thrown(client.once(client.from('notes').insert({ title }).abortSignal(stop.signal), { delay: 60_000 }))
    clearInterval(sent)
    assert.equal(keys.length, 5)
  }))
})

describe('the package', () => {
  test('is there for require, too', () => {
    const all = createRequire(import.meta.url)('@fluxbase/js')
    assert.deepEqual(Object.keys(all).sort(), ['FluxbaseError', 'batch', 'createClient', 'once', 'page', 'pages', 'ref', 'rows', 'send'])
  })
  test('brings with it what is used of it', async () => {
    const result = await build({
      stdin: { contents: "export { pages } from '@fluxbase/js'", resolveDir: import.meta.dirname },
      bundle: true, format: 'esm', minify: true, write: false,
    })
    const size = result.outputFiles[0].contents.length
    assert.ok(size < 4000, `${size} bytes for pages alone`)
  })
})
