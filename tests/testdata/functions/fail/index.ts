// Fails in the way that is asked for.
Deno.serve((req: Request) => {
  switch (new URL(req.url).searchParams.get('how')) {
    case 'throw':
      throw new Error('it was asked for')
    case 'hang':
      return new Promise<Response>(() => {})
    default:
      return Response.json({ why: 'it was asked for' }, { status: 418 })
  }
})
