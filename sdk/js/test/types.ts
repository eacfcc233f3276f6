// tsc compiles this under strict and runs nothing: what a query is typed as, pages, batches
// and answers of it are.
import { batch, createClient, once, pages, rows, send, type Answer } from '@fluxbase/js'

interface Database {
  public: {
    Tables: {
      notes: {
        Row: { id: number; title: string; book_id: number | null }
        Insert: { id?: number; title: string; book_id?: number | null }
        Update: { title?: string; book_id?: number | null }
        Relationships: []
      }
    }
    Views: Record<never, never>
    Functions: Record<never, never>
  }
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Flat<T> = T extends object ? { [K in keyof T]: Flat<T[K]> } : T
function same<A, B>(..._: Same<Flat<A>, Flat<B>> extends true ? [] : [never]): void {}

export async function check(): Promise<void> {
  const db = createClient<Database>('http://localhost', 'key', { auth: { persistSession: false } })
  const query = db.from('notes').select('id, name:title').order('id')
  for await (const page of pages(query)) same<typeof page, { id: number; name: string }[]>()
  for await (const row of rows(query, { size: 10 })) same<typeof row, { id: number; name: string }>()
  for await (const row of db.rows(db.from('notes').select())) same<typeof row.book_id, number | null>()

  const one = await send(db.from('notes').select('title').single())
  same<typeof one, Answer<{ title: string }>>()
  const perhaps = await db.send(db.from('notes').select('title').maybeSingle())
  same<typeof perhaps.data, { title: string } | null>()
  const written = await send(db.from('notes').insert({ title: 'x' }))
  same<typeof written.data, null>()

  const made = await once(db.from('notes').insert({ title: 'x' }).select('id').single(), { key: 'k', tries: 3 })
  same<typeof made, Answer<{ id: number }>>()

  const [first, second] = await batch([
    { id: 'a', query: db.from('notes').insert({ title: 'x' }).select('id').single() },
    db.from('notes').select('title').throwOnError(),
  ])
  same<typeof first.data, { id: number }>()
  same<typeof second.data, { title: string }[]>()

  // @ts-expect-error: there is no such table
  db.from('nots')
  // @ts-expect-error: this has no rows
  for await (const row of rows(db.from('notes').select('title').single())) row.title
}
