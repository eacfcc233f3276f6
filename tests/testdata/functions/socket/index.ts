// Says over a WebSocket what it hears.
Deno.serve((req: Request) => {
  if (req.headers.get('upgrade') !== 'websocket') return new Response('a WebSocket is wanted', { status: 426 })
  const { socket, response } = Deno.upgradeWebSocket(req)
  socket.onmessage = (e) => socket.send(typeof e.data === 'string' ? `heard ${e.data}` : e.data)
  return response
})
