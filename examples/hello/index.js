// A Worker with a Durable Object that counts the visits of each path.
import { DurableObject } from 'cloudflare:workers'

export class Counter extends DurableObject {
  async visit() {
    const visits = ((await this.ctx.storage.get('visits')) ?? 0) + 1
    await this.ctx.storage.put('visits', visits)
    return visits
  }
}

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    if (pathname === '/health') return new Response('ok\n')
    const counter = env.COUNTER.get(env.COUNTER.idFromName(pathname))
    return new Response(`${env.GREETING ?? 'Hello'} from ${pathname}, visit ${await counter.visit()}\n`)
  },
}
