// The client's side of the protocol: version 2 of Phoenix's, texts alone.

const heartbeat = 20_000

// open connects; hear is called with each message { joinRef, ref, topic, event, payload },
// ready once, and gone with the close code and reason.
export function open(key, { ready, hear, gone }) {
  const url = new URL('../websocket', import.meta.url)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  // A browser can give a WebSocket no header, so here the key is in the address.
  url.search = new URLSearchParams({ apikey: key, vsn: '2.0.0' })
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  let last = 0
  let answered = 0
  let asked = 0
  let beat

  // push sends a message and returns its ref.
  const push = (topic, event, payload, joinRef = null) => {
    const ref = String(++last)
    socket.send(JSON.stringify([event === 'phx_join' ? ref : joinRef, ref, topic, event, payload]))
    return ref
  }

  socket.onopen = () => {
    beat = setInterval(() => {
      if (asked > answered) return socket.close(4000, 'no answer to a heartbeat')
      asked = Number(push('phoenix', 'heartbeat', {}))
    }, heartbeat)
    ready()
  }
  socket.onmessage = ({ data }) => {
    if (typeof data !== 'string') return hear(binary(data))
    const [joinRef, ref, topic, event, payload] = JSON.parse(data)
    if (topic === 'phoenix') answered = Number(ref)
    else hear({ joinRef, ref, topic, event, payload })
  }
  socket.onclose = ({ code, reason }) => {
    clearInterval(beat)
    gone(code, reason)
  }
  return { push, close: () => socket.close(1000) }
}

// binary reads a broadcast of bytes: kind 4, the lengths of topic, event and meta, an
// encoding (1 is JSON), then those three and the payload.
function binary(data) {
  const bytes = new Uint8Array(data)
  const text = new TextDecoder()
  let at = 5
  const [topic, event] = [1, 2, 3].map((n) => text.decode(bytes.subarray(at, (at += bytes[n]))))
  const rest = bytes.subarray(at)
  const payload = bytes[4] === 1 ? JSON.parse(text.decode(rest)) : `${rest.length} bytes`
  return { joinRef: null, ref: null, topic, event: 'broadcast', payload: { type: 'broadcast', event, payload } }
}
