import { expect, test } from 'vitest'
import { startCloud } from '../harness.ts'

const main = (content: string) => [{ name: 'main.js', content }]
const variable = (text: string) => ({ bindings: [{ type: 'plain_text', name: 'MODE', text }] })

/** A Worker that loads only if MODE is `good`. No other test uses this code, so the first upload is not cached. */
const picky = `import { env } from 'cloudflare:workers'
  if (env.MODE !== 'good') throw new Error('refuses to load')
  export default { fetch: () => new Response('startup reports') }`

test('an upload equal to an earlier one uses the cached startup report', async () => {
  const cloud = await startCloud()
  const first = await cloud.put('first', variable('good'), main(picky))
  const second = await cloud.put('second', variable('good'), main(picky))
  expect([first.status, second.status]).toEqual([200, 200])
  expect(second.result).toMatchObject({ handlers: ['fetch'] })
  // Three separate starts would hardly take exactly the same number of milliseconds.
  const third = await cloud.put('third', variable('good'), main(picky))
  const times = [first, second, third].map(({ result }) => result.startup_time_ms)
  expect(new Set(times).size).toBe(1)
})

test('an upload that differs only in a variable is checked again', async () => {
  const cloud = await startCloud()
  expect((await cloud.put('picky', variable('good'), main(picky))).status).toBe(200)
  const refused = await cloud.put('picky', variable('bad'), main(picky))
  expect([refused.status, refused.code]).toEqual([400, 10021])
  expect(refused.message).toMatch(/refuses to load/)
})
