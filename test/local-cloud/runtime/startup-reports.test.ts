import { expect, test } from 'vitest'
import { startCloud } from '../harness.ts'

const main = (content: string) => [{ name: 'main.js', content }]
const variable = (text: string) => ({ bindings: [{ type: 'plain_text', name: 'MODE', text }] })

/** Loads only where MODE is `good`; of no other test, so that its first upload is the first one of this code. */
const picky = `import { env } from 'cloudflare:workers'
  if (env.MODE !== 'good') throw new Error('refuses to load')
  export default { fetch: () => new Response('startup reports') }`

test('an upload that equals an earlier one is not started again for its check', async () => {
  const cloud = await startCloud()
  const first = await cloud.put('first', variable('good'), main(picky))
  const second = await cloud.put('second', variable('good'), main(picky))
  expect([first.status, second.status]).toEqual([200, 200])
  expect(second.result).toMatchObject({ handlers: ['fetch'] })
  // A start of its own would hardly take the same number of milliseconds three times.
  const third = await cloud.put('third', variable('good'), main(picky))
  const times = [first, second, third].map(({ result }) => result.startup_time_ms)
  expect(new Set(times).size).toBe(1)
})

test('an upload that differs only in a variable is checked with its own value', async () => {
  const cloud = await startCloud()
  expect((await cloud.put('picky', variable('good'), main(picky))).status).toBe(200)
  const refused = await cloud.put('picky', variable('bad'), main(picky))
  expect([refused.status, refused.code]).toEqual([400, 10021])
  expect(refused.message).toMatch(/refuses to load/)
})
