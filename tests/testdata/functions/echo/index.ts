// Tells what came.
Deno.serve(async (req: Request) => {
  const url = new URL(req.url)
  const type = req.headers.get('content-type') ?? ''
  const out: Record<string, unknown> = {
    method: req.method, path: url.pathname, query: url.search, type, headers: Object.fromEntries(req.headers),
  }
  if (type.startsWith('multipart/form-data')) {
    out.form = Object.fromEntries([...await req.formData()].map(([k, v]) => [k, v instanceof File ? `${v.name} ${v.size}` : v]))
  } else {
    const body = new Uint8Array(await req.arrayBuffer())
    out.size = body.length
    out.body = new TextDecoder().decode(body)
  }
  return Response.json(out, { status: Number(url.searchParams.get('status') ?? 200) })
})
