export default {
  async fetch(request) {
    if (request.method !== 'POST')
      return new Response('POST only', { status: 405, headers: { Allow: 'POST' } })
    return Response.json({ bytes: (await request.arrayBuffer()).byteLength })
  },
}
