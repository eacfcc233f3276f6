import { FluxbaseError } from './error.js'

/** A query of supabase-js or postgrest-js, as it is built and before it is awaited. */
export type Query = PromiseLike<{ data: unknown; error: unknown; count: number | null; status: number }>

/** What a query gives when it succeeds. */
export type Data<Q extends Query> = Extract<Awaited<Q>, { error: null }>['data']

/** A row of what a query gives. */
export type Row<Q extends Query> = Data<Q> extends (infer R)[] ? R : never

/** What a query gave, and what its answer said beside. */
export interface Answer<T> {
  data: T
  /** The number of all rows, if the query asked for it. */
  count: number | null
  status: number
  /** How many rows a write touched; null for a read. */
  affected: number | null
  /** The cursor of the next page; null if this is the last, or no page. */
  next: string | null
  requestId: string | null
  /** Whether the answer is that of an earlier try of the same write. */
  replayed: boolean
}

/** What postgrest-js keeps to itself in a query. */
interface Built {
  url: URL
  headers: Headers
  fetch: typeof fetch
  shouldThrowOnError: boolean
}

/** A copy of a query, so that what is changed in it is not changed in the caller's. */
export function copy<Q extends Query>(query: Q): Q & Built {
  const q = Object.assign(Object.create(Object.getPrototypeOf(query)), query) as Q & Built
  q.url = new URL(q.url)
  q.headers = new Headers(q.headers)
  q.shouldThrowOnError = false
  return q
}

/** Awaits a query of ours whose fetch is replaced by this one. */
export async function answer<Q extends Query>(query: Q & Built, over: typeof fetch): Promise<Answer<Data<Q>>> {
  let headers = new Headers()
  query.fetch = async (input, init) => {
    const response = await over(input, init)
    headers = response.headers
    return response
  }
  const { data, error, count, status } = await query
  const requestId = headers.get('x-request-id')
  if (error) throw new FluxbaseError(error, status, requestId)
  const affected = headers.get('x-affected-count')
  return {
    data: data as Data<Q>,
    count,
    status,
    affected: affected === null ? null : Number(affected),
    next: headers.get('x-next-cursor'),
    requestId,
    replayed: headers.get('idempotency-replayed') === 'true',
  }
}

/** Sends a query, and throws a FluxbaseError where it fails. */
export function send<Q extends Query>(query: Q): Promise<Answer<Data<Q>>> {
  const q = copy(query)
  return answer(q, q.fetch)
}
