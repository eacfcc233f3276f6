// Answers while it is asked: each part of the body comes back, in capitals, as it comes.
Deno.serve((req: Request) => {
  if (req.method === 'GET') {
    let n = 0
    const events = new ReadableStream({
      async pull(c) {
        if (n === 3) return c.close()
        if (n > 0) await new Promise((done) => setTimeout(done, 30))
        c.enqueue(new TextEncoder().encode(`data: ${n++}\n\n`))
      },
    })
    return new Response(events, { headers: { 'Content-Type': 'text/event-stream' } })
  }
  const louder = new TransformStream<Uint8Array, Uint8Array>({
    transform: (part, c) => c.enqueue(new TextEncoder().encode(new TextDecoder().decode(part).toUpperCase())),
  })
  return new Response(req.body?.pipeThrough(louder), { headers: { 'Content-Type': 'text/plain' } })
})
