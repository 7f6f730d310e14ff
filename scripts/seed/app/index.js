// A Worker that answers 200, or 500 if the variable BROKEN is set: its health check then fails.
export default {
  fetch: (_request, env) =>
    new Response(env.BROKEN ? 'broken\n' : 'ok\n', { status: env.BROKEN ? 500 : 200 }),
}
