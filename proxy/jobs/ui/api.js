// What the page asks the server, one thing at a time.

const base = new URL('../', import.meta.url) // /api/v1/admin/jobs/

let key = ''
let known = new Map() // of an address: the tag and what it said

// The clock of the server, in milliseconds.
let skew = 0
export const now = () => Date.now() + skew

export function use(given) {
  key = given
  known = new Map()
}

// Refusal is an answer that another try would not change.
export class Refusal extends Error {}

// get asks for an address below the base; where nothing has changed the server says no more
// than that.
export async function get(path, query = {}, signal) {
  const url = new URL(path, base)
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value)
  const before = known.get(url.href)
  const answer = await ask(url, { signal, headers: before ? { 'if-none-match': before.tag } : {} })
  if (answer.status === 304) return before.body
  const body = await answer.json()
  known.delete(url.href)
  known.set(url.href, { tag: answer.headers.get('etag'), body })
  if (known.size > 20) known.delete(known.keys().next().value)
  return body
}

export async function post(path, body = {}) {
  return (await ask(new URL(path, base), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).json()
}

async function ask(url, options) {
  let answer
  try {
    // A service key is no JWT, and goes by its own name.
    const name = key.startsWith('sb_') ? { apikey: key } : { authorization: `Bearer ${key}` }
    answer = await fetch(url, { ...options, cache: 'no-store', headers: { ...options.headers, ...name } })
  } catch (error) {
    if (error.name === 'AbortError') throw error
    throw new Error('The server can\'t be reached')
  }
  const date = Date.parse(answer.headers.get('date'))
  if (date && Math.abs(date - now()) > 2000) skew = date - Date.now()
  if (answer.ok || answer.status === 304) return answer
  const { code, message, hint } = await answer.json().catch(() => ({ message: `the server answered ${answer.status}` }))
  if (answer.status === 401) throw new Refusal(`The server does not take that key: ${message}. Give its service_role key, as fluxbase dev or fluxbase keys printed it.`)
  const text = `${message[0].toUpperCase()}${message.slice(1)}. ${hint ?? ''}`.trim()
  throw ['forbidden', 'key_module', 'key_address'].includes(code) ? new Refusal(text) : new Error(text)
}
