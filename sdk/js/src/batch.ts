import { FluxbaseError } from './error.js'
import { persistent, type OnceOptions } from './once.js'
import { answer, copy, type Answer, type Data, type Query } from './query.js'

/**
 * A query, or one with a name that ref() of later ones begins with. It is typed as loosely as
 * this, because what is known here of its rows would take the place of what it knows itself.
 */
export type Operation = PromiseLike<unknown> | { id: string; query: PromiseLike<unknown> }

type QueryOf<T> = T extends { query: infer Q extends Query } ? Q : T extends Query ? T : never

/** The answers of a batch, in its order. */
export type Answers<T extends readonly Operation[]> = { -readonly [K in keyof T]: Answer<Data<QueryOf<T[K]>>> }

interface Result {
  status: number
  headers?: Record<string, string>
  body: unknown
}

const carried = ['accept', 'accept-profile', 'content-profile', 'content-type', 'prefer', 'range', 'range-unit']

/**
 * Sends queries of one client as one request and one transaction, in their order. All of them
 * happen, or none: then it throws a FluxbaseError that says in `operation` which one failed.
 * With `once` the whole is sent again where it must be, and happens once.
 */
export async function batch<const T extends readonly Operation[]>(
  operations: T,
  options: { signal?: AbortSignal; once?: true | OnceOptions } = {},
): Promise<Answers<T>> {
  const list = operations.map((o) => {
    const { id, query } = 'query' in o ? o : { id: undefined, query: o }
    return { id, query: copy(query as Query) }
  })
  const first = list[0]
  if (!first) return [] as unknown as Answers<T>
  const { once } = options
  const send = once ? persistent(first.query.fetch, once === true ? {} : once) : first.query.fetch
  const root = new URL(first.query.url)
  root.pathname = root.pathname.replace(/(\/rpc)?\/[^/]*$/, '')

  // Each query makes its request and reads its answer by itself; only between the two it waits
  // for the whole.
  const outgoing: Promise<unknown>[] = []
  const deliver: ((r: Response) => void)[] = []
  const answers = list.map(({ id, query }, i) => {
    let make: (operation: unknown) => void
    outgoing.push(new Promise((resolve) => (make = resolve)))
    return answer(query, (input, init) => {
      const url = new URL(String(input))
      const headers = [...new Headers(init?.headers)].filter(([name]) => carried.includes(name))
      const refs: Record<string, string> = {}
      make({
        id,
        method: init?.method,
        path: refer(url.pathname.slice(root.pathname.length) + url.search, refs),
        headers: Object.fromEntries(headers),
        body: typeof init?.body === 'string' ? referIn(JSON.parse(init.body), '', refs) : undefined,
        refs,
      })
      return new Promise((resolve) => (deliver[i] = resolve))
    })
  })

  const sent = await Promise.race([Promise.all(outgoing), Promise.all(answers)]) // or one that can't be made
  const response = await send(`${root.origin}${root.pathname}/batch`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/vnd.fluxbase.batch+json' },
    body: JSON.stringify({ operations: sent }),
    ...(options.signal ? { signal: options.signal } : {}),
  })
  const requestId = response.headers.get('x-request-id')
  const replayed = response.headers.get('idempotency-replayed')
  if (!response.ok) throw new FluxbaseError(await response.json().catch(() => ({})), response.status, requestId)
  const { results } = (await response.json()) as { results: Result[] }
  results.forEach((r, i) => deliver[i]?.(responseOf(r, { 'x-request-id': requestId, 'idempotency-replayed': replayed })))
  return (await Promise.all(answers)) as Answers<T>
}

// What ref() gives can't be a user's text: nobody can guess the mark.
const mark = `ref_${Array.from(crypto.getRandomValues(new Uint8Array(16)), hex).join('')}_`
const token = new RegExp(`${mark}([0-9a-f]*)_`)

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

function placeOf(digits: string): string {
  return new TextDecoder().decode(Uint8Array.from(digits.match(/../g) ?? [], (d) => parseInt(d, 16)))
}

/**
 * Stands for a value of an earlier answer of the same batch: in a body, or as what eq, neq, gt,
 * gte, lt, lte or in compare with. place is the operation's id, then the way into its rows as in
 * a JSON pointer; * takes something of every row: `ref('book/0/id')`, `[ref('notes/*\/id')]`.
 */
export function ref(place: string): any {
  return `${mark}${Array.from(new TextEncoder().encode(place), hex).join('')}_`
}

// refer replaces references in a path by names, and notes in refs what these stand for.
function refer(path: string, refs: Record<string, string>): string {
  return path.replace(new RegExp(`(?:\\(|%28)?${token.source}(?:\\)|%29)?`, 'g'), (_, digits: string) => {
    const name = `r${Object.keys(refs).length}`
    refs[name] = placeOf(digits)
    return `{${name}}`
  })
}

// referIn takes references out of a body, and notes in refs where they are.
function referIn(value: unknown, pointer: string, refs: Record<string, string>): unknown {
  if (typeof value === 'string') {
    const found = token.exec(value)
    if (found?.[0] !== value) return value
    refs[pointer] = placeOf(found[1] ?? '')
    return null
  }
  if (Array.isArray(value)) return value.map((v, i) => referIn(v, `${pointer}/${i}`, refs))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, v]) => [key, referIn(v, `${pointer}/${key.replace(/~/g, '~0').replace(/\//g, '~1')}`, refs)]),
  )
}

// responseOf is the answer that the operation would have had alone.
function responseOf({ status, headers: list, body }: Result, whole: Record<string, string | null>): Response {
  const headers = new Headers(list)
  for (const [name, value] of Object.entries(whole)) if (value) headers.set(name, value)
  const isText = typeof body === 'string' && headers.has('content-type') && !headers.get('content-type')?.includes('json')
  return new Response(body === null ? null : isText ? body : JSON.stringify(body), { status, headers })
}
