import { products } from './products.js'

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    if (pathname === '/api/products') {
      const { limit } = env.FEATURES
      return Response.json(
        products.slice(0, limit).map((each) => ({ ...each, price: `${each.price} ${env.CURRENCY}` })),
      )
    }
    if (pathname === '/api/cart') return Response.json(await env.CARTS.get('cart', 'json'))
    return new Response('not found', { status: 404 })
  },
}
