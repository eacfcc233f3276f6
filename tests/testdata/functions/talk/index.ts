// Says things of each level.
Deno.serve(async (req: Request) => {
  const { name } = await req.json()
  console.debug('debug', name)
  console.log('hello', name, { n: 1 })
  console.warn('warn', name)
  console.error('error', name)
  return new Response(name)
})
