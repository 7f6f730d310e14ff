export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    if (pathname === '/') return new Response('shop')
    return Response.json({ price: await env.PRICES.of(pathname.slice(1)) })
  },
}
