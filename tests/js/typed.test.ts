// postgrest-js with generics over a wide schema. tsc compiles this under strict, so
// that each same<…>() says of a type what the assertion beside it says of the value.
import { test, describe } from 'node:test'
import assert from 'node:assert/strict'
import { PostgrestClient, PostgrestError } from '@supabase/postgrest-js'
import type { Database, Json } from './typed.js'
import { serviceKey, url } from './helpers.mjs'

const headers = { Authorization: `Bearer ${serviceKey}` }
const db = new PostgrestClient<Database, { PostgrestVersion: '14' }>(`${url}/rest/v1`, { headers })

// Two types are the same if they stand for each other in every place.
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Flat<T> = T extends (infer E)[] ? Flat<E>[] : T extends object ? { [K in keyof T]: Flat<T[K]> } : T
function same<A, B>(..._: Same<Flat<A>, Flat<B>> extends true ? [] : [never]): void {}

function good<A extends { data: unknown; error: PostgrestError | null }>(answer: A): Extract<A, { error: null }>['data'] {
  if (answer.error) throw answer.error
  return answer.data
}

describe('reads', () => {
  test('columns, aliases, casts and JSON paths', async () => {
    const rows = good(await db.from('books').select('id, name:title, pages::text, lang:data->>lang').order('id'))
    same<typeof rows, { id: number; name: string; pages: string; lang: string }[]>()
    assert.deepEqual(rows[0], { id: 1, name: 'Notes', pages: '66', lang: 'en' })
  })
  test('all columns of any of a hundred tables', async () => {
    const rows = good(await db.from('t57').select('*').eq('c49', 49))
    same<(typeof rows)[0]['c31'], number>()
    assert.equal(Object.keys(rows[0]!).length, 51)
    assert.equal(rows[0]!.c31, 31)
    // @ts-expect-error: there is no such table
    const none = await db.from('t100').select('*')
    assert.equal(none.error?.code, 'PGRST205')
    // @ts-expect-error: there is no such column
    const wrong = await db.from('t57').select('*').eq('c50', 1)
    assert.equal(wrong.error?.code, '42703')
  })
  test('embeds: to one, to many, one to one, many to many, by hint, inner', async () => {
    const books = good(await db.from('books').select('title, author:authors!books_author_id_fkey(name, profiles(bio)), shelves(room)').order('id').order('id', { referencedTable: 'shelves' }))
    same<typeof books, { title: string; author: { name: string; profiles: { bio: string } | null }; shelves: { room: string }[] }[]>()
    assert.deepEqual(books[0], { title: 'Notes', author: { name: 'Ada', profiles: { bio: 'wrote the first program' } }, shelves: [{ room: 'study' }, { room: 'kitchen' }] })

    const authors = good(await db.from('authors').select('name, books!books_editor_id_fkey!inner(title)').eq('books.title', 'Tomatoes'))
    same<typeof authors, { name: string; books: { title: string }[] }[]>()
    assert.deepEqual(authors, [{ name: 'Ada', books: [{ title: 'Tomatoes' }] }])
  })
  test('spreads, to one and to many', async () => {
    const one = good(await db.from('books').select('title, ...authors!books_author_id_fkey(author:name)').eq('id', 3).single())
    same<typeof one, { title: string; author: string }>()
    assert.deepEqual(one, { title: 'Tomatoes', author: 'Bob' })
    const many = good(await db.from('shelves').select('room, ...shelf_books(book_id)').eq('id', 1).order('book_id', { referencedTable: 'shelf_books' }))
    same<typeof many, { room: string; book_id: number[] }[]>()
    assert.deepEqual(many, [{ room: 'study', book_id: [1, 2] }])
  })
  test('aggregates', async () => {
    const rows = good(await db.from('books').select('author_id, pages.sum(), n:id.count()').order('author_id'))
    same<typeof rows, { author_id: number; sum: number; n: number }[]>()
    assert.deepEqual(rows, [{ author_id: 1, sum: 366, n: 2 }, { author_id: 2, sum: 120, n: 1 }])
    const authors = good(await db.from('authors').select('name, books!books_author_id_fkey(count)').order('id'))
    same<typeof authors, { name: string; books: { count: number }[] }[]>()
    assert.deepEqual(authors[0], { name: 'Ada', books: [{ count: 2 }] })
  })
  test('filters know the types of their columns', async () => {
    const rows = good(await db.from('books').select('id').contains('tags', ['maths']).gte('pages', 10).or('data->>lang.eq.en,data.is.null').in('author_id', [1, 2]))
    same<typeof rows, { id: number }[]>()
    assert.deepEqual(rows, [{ id: 1 }])
    // @ts-expect-error: pages are numbers
    const wrong = await db.from('books').select('id').eq('pages', 'many')
    assert.equal(wrong.error?.code, '22P02')
  })
  test('maybeSingle, single, count and range', async () => {
    const none = await db.from('books').select('title').eq('id', 99).maybeSingle()
    assert.equal(none.error, null)
    same<typeof none.data, { title: string } | null>()
    assert.equal(none.data, null)
    const some = await db.from('books').select('title').eq('id', 1).maybeSingle()
    assert.deepEqual(some.data, { title: 'Notes' })
    const many = await db.from('books').select('title').maybeSingle()
    assert.equal(many.error?.code, 'PGRST116')
    assert.equal((await db.from('books').select('title').single()).error?.code, 'PGRST116')
    const page = await db.from('books').select('id', { count: 'exact' }).order('id').range(1, 1)
    assert.deepEqual([page.count, page.data, page.status], [3, [{ id: 2 }], 206])
    const head = await db.from('books').select('*', { count: 'exact', head: true })
    assert.deepEqual([head.count, head.data], [3, null])
  })
  test('csv', async () => {
    const text = good(await db.from('books').select('id, title').order('id').limit(2).csv())
    same<typeof text, string>()
    assert.equal(text, 'id,title\n1,Notes\n2,Letters')
  })
  test('explain', async () => {
    const plan = await db.from('books').select('id').explain({ analyze: true, format: 'json' })
    assert.ok(JSON.stringify(plan.data).includes('Actual Rows'), JSON.stringify(plan))
    assert.match(String((await db.from('books').select('id').explain()).data), /Seq Scan on books/)
  })
})

describe('writes', () => {
  test('insert, upsert, update and delete give what they select', async () => {
    const made = good(await db.from('books').insert({ id: 10, title: 'New', pages: 1, author_id: 2 }).select('id, tags, authors!books_author_id_fkey(name)').single())
    same<typeof made, { id: number; tags: string[]; authors: { name: string } }>()
    assert.deepEqual(made, { id: 10, tags: [], authors: { name: 'Bob' } })
    // @ts-expect-error: pages must be given
    const bad = await db.from('books').insert({ id: 11, title: 'New', author_id: 2 })
    assert.equal(bad.error?.code, '23502')
    const upserted = good(await db.from('books').upsert([{ id: 10, title: 'Newer', pages: 2, author_id: 2 }], { onConflict: 'id' }).select())
    same<(typeof upserted)[0]['data'], Json>()
    assert.equal(upserted[0]!.title, 'Newer')
    const changed = good(await db.from('books').update({ pages: 3 }).eq('id', 10).select('pages'))
    same<typeof changed, { pages: number }[]>()
    assert.deepEqual(changed, [{ pages: 3 }])
    const refused = await db.from('books').update({ pages: 1 }).gte('id', 0).maxAffected(1)
    assert.equal(refused.error?.code, 'PGRST124')
    const gone = await db.from('books').delete({ count: 'exact' }).eq('id', 10)
    assert.deepEqual([gone.status, gone.count, gone.data], [204, 1, null])
  })
})

describe('functions', () => {
  test('of rows: filtered, ordered, with embeds', async () => {
    const rows = good(await db.rpc('books_by', { author: 1 }).select('title, authors!books_author_id_fkey(name)').gt('pages', 100))
    same<typeof rows, { title: string; authors: { name: string } }[]>()
    assert.deepEqual(rows, [{ title: 'Letters', authors: { name: 'Ada' } }])
  })
  test('of a value, by POST and GET, with a default', async () => {
    const sum = good(await db.rpc('add_up', { a: 1 }))
    same<typeof sum, number>()
    assert.equal(sum, 11)
    assert.equal(good(await db.rpc('add_up', { a: 1, b: 2 }, { get: true })), 3)
    // @ts-expect-error: a must be given
    const wrong = await db.rpc('add_up', { b: 1 })
    assert.equal(wrong.error?.code, 'PGRST202')
  })
})

describe('the way there', () => {
  test('an aborted request ends, before it is sent and under way', async () => {
    const gone = await db.from('books').select('id').abortSignal(AbortSignal.abort())
    assert.match(gone.error!.message, /AbortError/)
    const control = new AbortController()
    const call = db.from('books').select('id').retry(false).abortSignal(control.signal).then((answer) => answer)
    control.abort()
    assert.match((await call).error!.message, /AbortError/)
    assert.equal(good(await db.from('books').select('id').abortSignal(AbortSignal.timeout(60_000))).length, 3)
  })
  test('503 is tried again for reads, as often as the server asks', async () => {
    const text = good(await db.rpc('third_time', {}, { get: true }))
    same<typeof text, string>()
    assert.equal(text, 'here')
    const once = await db.rpc('third_time', {}, { get: true }).retry(false)
    assert.deepEqual([once.status, once.error?.code, once.error?.message], [503, 'PT503', 'not yet'])
  })
  test('errors can be thrown', async () => {
    await assert.rejects(async () => await db.from('books').select('id').filter('id', 'foo', 1).throwOnError(), (e: unknown) => {
      assert.ok(e instanceof PostgrestError)
      return e.code === 'PGRST100'
    })
  })
})
