import { Hono } from 'hono'

interface Env {
  DB: D1Database
  CACHE: KVNamespace
  PAGE_SIZE: number
  SITE_NAME: string
}

const app = new Hono<{ Bindings: Env }>()

app.get('/', (c) => c.text(c.env.SITE_NAME))

app.get('/notes', async (c) => {
  const cached = await c.env.CACHE.get('notes')
  if (cached !== null) return c.json(JSON.parse(cached))
  const { results } = await c.env.DB.prepare('select id, text from notes order by id desc limit ?')
    .bind(c.env.PAGE_SIZE)
    .all()
  await c.env.CACHE.put('notes', JSON.stringify(results), { expirationTtl: 60 })
  return c.json(results)
})

app.post('/notes', async (c) => {
  const { text } = await c.req.json<{ text: string }>()
  await c.env.DB.prepare('insert into notes (text) values (?)').bind(text).run()
  await c.env.CACHE.delete('notes')
  return c.body(null, 201)
})

export default app
