export default { fetch: (_request, env) => new Response(env.LEVEL) }
