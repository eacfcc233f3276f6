import type { Code } from './codes.js'

/** What stands in the body of an answer that is an error. */
interface Body {
  message?: string
  code?: string
  details?: unknown
  hint?: string | null
  request_id?: string
  operation?: { index: number; id?: string }
}

/** An error of the server, or of the way to it. */
export class FluxbaseError extends Error {
  override readonly name = 'FluxbaseError'
  /** A SQLSTATE, a PGRST code or one of Fluxbase's own; empty where there was no answer. */
  readonly code: Code | (string & {})
  /** More about it: text, or a value of the code's own. */
  readonly details: unknown
  /** How to mend it; null if nothing is known. */
  readonly hint: string | null
  /** The HTTP status; 0 where there was no answer. */
  readonly status: number
  /** Finds the request in the server's log; null where there was no answer. */
  readonly requestId: string | null
  /** Which operation of a batch it was; null outside of one. */
  readonly operation: { index: number; id: string | null } | null

  constructor(body: Body, status: number, requestId: string | null) {
    super(body.message ?? `the server answered ${status}`)
    this.code = body.code ?? ''
    this.details = body.details ?? null
    this.hint = body.hint ?? null
    this.status = status
    this.requestId = body.request_id ?? requestId
    this.operation = body.operation ? { index: body.operation.index, id: body.operation.id || null } : null
  }
}
