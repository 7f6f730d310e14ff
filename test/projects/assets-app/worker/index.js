export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    if (!pathname.startsWith('/api/')) return env.ASSETS.fetch(request)
    const { objects } = await env.PICTURES.list({ limit: 100 })
    return Response.json(objects.map(({ key, size }) => ({ key, size })))
  },
}
