// The console: joins one channel, says and hears.
import { html } from './dom.js'
import { open } from './socket.js'

const $ = (id) => document.getElementById(id)
const prefix = 'realtime:'
const keep = 200 // messages
const longest = 2000 // characters of one

// What of the server's reasons means what, and how it is mended.
const mends = [
  [/^Unauthorized/, 'No policy on realtime.messages lets this token use the channel: add one (select is to listen, insert is to send), or join as somebody else.'],
  [/^(MalformedJWT|JwtSignatureError)/, 'The token is not of this server. Give a key that fluxbase dev or fluxbase keys printed, or the token of a signed-in user.'],
  [/expired/, 'Give a newer token.'],
  [/^PrivateOnly/, 'Tick Private: this server takes no other channels.'],
  [/stream of changes is not up/, 'Try again in some seconds; /readyz says what is amiss.'],
  [/^RealtimeDisabledForConfiguration(?!.*select realtime\.enable)/, 'Look at the names and at the filter, which is column=eq.value.'],
  [/^DatabaseConnectionIssue/, 'Try again when the database is back; /readyz says so.'],
  [/^UnknownEvent: presence/, 'This server does not serve presence.'],
  [/^ChannelRateLimitReached|RateLimit|Too many/, 'Wait a second, or raise the limit (FLUXBASE_REALTIME_…).'],
]

const closings = {
  1000: 'The connection was closed.',
  1001: 'The process stops. Join again: another one answers.',
  1006: 'The server refused the connection or can\'t be reached. Is the key one of this server, and not too old?',
  1007: 'The server could not read a message.',
  1008: 'The server gave up: this page read too slowly, or asked for too much at once.',
  1009: 'The message was over the limit (FLUXBASE_REALTIME_MAX_MESSAGE_BYTES).',
  4000: 'The server did not answer any more. Join again.',
}

let channel = null // { socket, wire, ref, joined }
let pageKey = () => ''

export function start(key) {
  pageKey = key
  $('join-form').addEventListener('submit', submit(join))
  $('leave').addEventListener('click', () => end('Left'))
  $('send-form').addEventListener('submit', submit(send))
  $('track-form').addEventListener('submit', submit(() => presence('track', json($('meta')))))
  $('untrack').addEventListener('click', () => presence('untrack'))
  $('clear').addEventListener('click', clear)
  $('join-form').addEventListener('input', code)
  code()
}

// use fills in a channel of the table.
export function use(topic, isPrivate) {
  $('topic').value = topic
  $('private').checked = isPrivate
  code()
  $('topic').focus()
}

const submit = (act) => (event) => {
  event.preventDefault()
  fail('')
  try {
    act()
  } catch (error) {
    fail(error.message)
  }
}

function json(input) {
  try {
    return JSON.parse(input.value)
  } catch {
    input.focus()
    throw new Error('That is no JSON. Write {"key": "value"}, with double quotes.')
  }
}

const fail = (text) => ($('console-error').textContent = text)

function refused(reason) {
  const mend = mends.find(([pattern]) => pattern.test(reason))?.[1]
  fail(mend ? `${reason} — ${mend}` : reason)
}

function state(name, text) {
  $('joined').dataset.state = name
  $('joined').textContent = text
  const live = name === 'good'
  $('leave').disabled = name === 'idle'
  $('send').disabled = $('presence').disabled = !live
}

// bindings are what the form asks to hear of tables.
function bindings() {
  const table = $('table').value.trim()
  if (!table) return []
  const filter = $('filter').value.trim()
  return [{ event: $('event').value, schema: $('schema').value.trim() || 'public', table, ...(filter && { filter }) }]
}

function join() {
  const token = $('token').value.trim() || pageKey()
  if (!token) {
    $('token').focus()
    throw new Error('Give a key or token to join as: that of anon will do for a public channel.')
  }
  end()
  const wire = prefix + $('topic').value
  const mine = { wire }
  channel = mine
  const config = {
    private: $('private').checked,
    broadcast: { self: $('self').checked, ack: true },
    presence: { key: '', enabled: true },
    postgres_changes: bindings(),
  }
  state('busy', 'Joining')
  mine.socket = open(token, {
    ready: () => (mine.ref = mine.socket.push(wire, 'phx_join', { config, access_token: token })),
    hear: (message) => channel === mine && hear(message),
    gone: (code, reason) => {
      if (channel !== mine) return
      channel = null
      state('idle', 'Not joined')
      fail(`${closings[code] ?? 'The connection ended.'}${reason ? ` (${reason})` : ''}`)
      note('system', `closed ${code}`, reason)
    },
  })
}

function end(why) {
  if (!channel) return
  const { socket } = channel
  channel = null
  socket.close()
  state('idle', 'Not joined')
  if (why) note('system', why)
}

function hear({ ref, event, payload }) {
  if (event === 'phx_reply' && ref === channel.ref) {
    if (payload.status === 'ok') {
      state('good', `Joined ${channel.wire.slice(prefix.length)}`)
      return note('system', 'Joined')
    }
    refused(payload.response.reason)
    note('system', 'refused', payload.response.reason)
    return end()
  }
  switch (event) {
    case 'phx_reply':
      if (payload.status === 'ok') return note('system', 'acknowledged')
      refused(payload.response.reason)
      return note('system', 'refused', payload.response.reason)
    case 'phx_close':
      note('system', 'the server closed the channel')
      return end()
    case 'system':
      if (payload.status === 'error') refused(payload.message)
      return note('system', payload.message)
    case 'broadcast':
      return note('in', payload.event, payload.payload)
    case 'postgres_changes': {
      const { type, schema, table, record, old_record: old, errors } = payload.data
      return note('change', `${type} ${schema}.${table}`, { ...(record && { record }), ...(old && { old_record: old }), ...(errors && { errors }) })
    }
    default:
      return note('in', event, payload)
  }
}

function send() {
  const name = $('name').value
  const payload = json($('payload'))
  channel.socket.push(channel.wire, 'broadcast', { type: 'broadcast', event: name, payload }, channel.ref)
  note('out', name, payload)
}

function presence(event, payload) {
  channel.socket.push(channel.wire, 'presence', { type: 'presence', event, ...(payload && { payload }) }, channel.ref)
  note('out', event, payload)
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 })
const kinds = { in: 'Heard', out: 'Said', change: 'Change', system: 'Channel' }

// note adds a line to the log, newest first.
function note(kind, title, payload) {
  const now = new Date()
  const text = payload === undefined || payload === '' ? '' : typeof payload === 'string' ? payload : JSON.stringify(payload)
  $('log').prepend(html('li', { class: kind },
    html('time', { datetime: now.toISOString() }, clock.format(now)), html('span', { class: 'kind' }, kinds[kind]), html('b', {}, title),
    html('code', {}, text.length > longest ? `${text.slice(0, longest)}…` : text)))
  while ($('log').children.length > keep) $('log').lastChild.remove()
  $('log-empty').hidden = true
}

function clear() {
  $('log').replaceChildren()
  $('log-empty').hidden = false
}

// code writes what an app would.
function code() {
  const say = (v) => JSON.stringify(v)
  const lines = [
    `const channel = supabase.channel(${say($('topic').value)}, {`,
    `  config: { private: ${$('private').checked}, broadcast: { self: ${$('self').checked} } },`,
    '})',
    'channel',
    `  .on('broadcast', { event: '*' }, (message) => console.log(message))`,
    ...bindings().map((b) => `  .on('postgres_changes', ${say(b)}, (change) => console.log(change))`),
    '  .subscribe((status, error) => console.log(status, error))',
  ]
  $('code').querySelector('code').textContent = lines.join('\n')
}
