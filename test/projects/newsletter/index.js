export default {
  async fetch(_request, env) {
    const { keys } = await env.SUBSCRIBERS.list()
    return Response.json({ level: env.LEVEL, limits: env.LIMITS, subscribers: keys.length })
  },
  async scheduled(_controller, env) {
    await env.SUBSCRIBERS.put('last run', new Date().toISOString())
  },
}
