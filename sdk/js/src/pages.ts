import { answer, copy, type Answer, type Data, type Query, type Row } from './query.js'

export interface PageOptions {
  /** Rows of a page; 100 if it is not given. */
  size?: number
  /** Where to begin: the `next` of an earlier page. */
  cursor?: string | null
}

/**
 * One page of a query that gives rows, in its order. Give `next` of the answer as
 * `cursor` with the same query to read on; it is null after the last page.
 */
export function page<Q extends Query>(query: Q, { size = 100, cursor }: PageOptions = {}): Promise<Answer<Data<Q>>> {
  const q = copy(query)
  q.url.searchParams.set('limit', String(size))
  q.url.searchParams.set('cursor', cursor ?? '')
  return answer(q, q.fetch)
}

/** All pages of a query, one request each, asked for as they are wanted. */
export async function* pages<Q extends Query>(query: Q, options: PageOptions = {}): AsyncGenerator<Data<Q>, void, undefined> {
  let cursor = options.cursor ?? null
  do {
    const { data, next } = await page(query, { ...options, cursor })
    yield data
    cursor = next
  } while (cursor !== null)
}

/** All rows of a query, page by page. */
export async function* rows<Q extends Query>(query: Q, options: PageOptions = {}): AsyncGenerator<Row<Q>, void, undefined> {
  for await (const data of pages(query, options)) yield* data as Row<Q>[]
}
