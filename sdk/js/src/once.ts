import { answer, copy, type Answer, type Data, type Query } from './query.js'

export interface OnceOptions {
  /**
   * Names the write: who sends it again under this name within a day gets the same answer, and
   * nothing is written again. A random one if it is not given; give your own, and keep it, to
   * ask again after a crash of this program.
   */
  key?: string
  /** How often it is sent, at most; 5 if it is not given. */
  tries?: number
  /** Milliseconds before it is sent again, doubled with each try; 200 if it is not given. */
  delay?: number
}

/**
 * Sends a write so that it happens once, although it is sent again: when the connection breaks,
 * nobody answers, or the server has no time (502, 503, 504). Throws a FluxbaseError where it
 * fails, or where the last try did.
 */
export function once<Q extends Query>(query: Q, options: OnceOptions = {}): Promise<Answer<Data<Q>>> {
  const q = copy(query)
  return answer(q, persistent(q.fetch, options))
}

/** A fetch that names its request and sends it again until there is an answer. */
export function persistent(send: typeof fetch, { key = randomKey(), tries = 5, delay = 200 }: OnceOptions): typeof fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers)
    headers.set('Idempotency-Key', `"${key.replace(/["\\]/g, '\\$&')}"`)
    for (let n = 1; ; n++) {
      let response: Response | undefined
      try {
        response = await send(input, { ...init, headers })
        if (n >= tries || !(await passes(response))) return response
      } catch (error) {
        if (n >= tries || init?.signal?.aborted) throw error
      }
      const asked = Number(response?.headers.get('retry-after') ?? 0) * 1000 || 0
      // Not all at once, who lost their connection together.
      await pause(Math.max(asked, delay * 2 ** (n - 1) * (0.5 + Math.random() / 2)), init?.signal)
    }
  }
}

/** Tells an answer that may be another one a moment later. */
async function passes(response: Response): Promise<boolean> {
  if (response.status !== 409) return [502, 503, 504].includes(response.status)
  const body: unknown = await response.clone().json().catch(() => null)
  return (body as { code?: string } | null)?.code === 'idempotency_in_progress'
}

function pause(milliseconds: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, milliseconds)
    signal?.addEventListener('abort', stop, { once: true })
  })
}

// Pages that are not served by https have no crypto.randomUUID.
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
