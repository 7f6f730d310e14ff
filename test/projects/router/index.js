const routes = new Map([['/health', () => new Response('ok')]])

export default {
  fetch(request, env) {
    const route = routes.get(new URL(request.url).pathname)
    return route?.() ?? Response.json({ error: 'no such route', version: env.VERSION.id }, { status: 404 })
  },
}
