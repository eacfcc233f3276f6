// Tells its environment.
Deno.serve(() => Response.json(Deno.env.toObject()))
