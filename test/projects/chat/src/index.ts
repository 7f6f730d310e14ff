import { DurableObject } from 'cloudflare:workers'

interface Env {
  ROOMS: DurableObjectNamespace<ChatRoom>
}

export class ChatRoom extends DurableObject {
  constructor(state: DurableObjectState, env: Env) {
    super(state, env)
    state.storage.sql.exec('create table if not exists lines (id integer primary key, text text not null)')
  }

  add(text: string): number {
    this.ctx.storage.sql.exec('insert into lines (text) values (?)', text)
    return this.count()
  }

  count(): number {
    return Number(this.ctx.storage.sql.exec('select count(*) as count from lines').one().count)
  }
}

export class Person extends DurableObject {}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url)
    const room = env.ROOMS.get(env.ROOMS.idFromName(pathname))
    const count = request.method === 'POST' ? await room.add(await request.text()) : await room.count()
    return Response.json({ count })
  },
}
