// Does a job: what its args say.
Deno.serve(async (req: Request) => {
  const args = await req.json()
  const job = req.headers.get('x-fluxbase-job-id')
  console.log(`job ${job}, attempt ${req.headers.get('x-fluxbase-job-attempt')}`)
  if (args.progress) {
    // deno-lint-ignore no-explicit-any
    (globalThis as any).EdgeRuntime.progress({ percent: args.progress, message: 'on its way', data: { job } })
  }
  if (args.forever) {
    await new Promise((done) => req.signal.addEventListener('abort', done))
    console.warn('aborted')
    return new Response()
  }
  return new Response(args.say ?? '', { status: args.status ?? 200, headers: args.headers ?? {} })
})
