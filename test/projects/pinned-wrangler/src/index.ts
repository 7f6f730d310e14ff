import { createHash } from 'node:crypto'

interface Env {
  LEDGER: D1Database
  RECEIPTS: R2Bucket
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url)
    if (pathname === '/') return new Response(createHash('sha256').update('ledger').digest('hex'))
    if (pathname === '/receipts') return Response.json((await env.RECEIPTS.list()).objects.length)
    const { results } = await env.LEDGER.prepare('select * from entries').all()
    return Response.json(results)
  },
}
