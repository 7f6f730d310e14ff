import { expect, test } from 'vitest'
import { readOtherOperations } from '../../contracts/index.ts'
import { accountId, form, hello, startInlineCloud, token } from '../harness.ts'

test('a call of an unsupported Cloudflare operation names the missing feature', async () => {
  const cloud = await startInlineCloud()
  await cloud.put('app', {})
  const silent: string[] = []
  for (const operation of readOtherOperations()) {
    const [method = '', template = ''] = operation.split(' ')
    const path = template
      .replace('{account_id}', accountId)
      .replace('{script_name}', 'app')
      .replaceAll(/\{\w+\}/g, 'x')
    const response = await fetch(`${cloud.url}/client/v4${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
    })
    const body = (await response.json()) as {
      errors: { code: number; message: string }[]
      messages: { code: number }[]
    }
    const [error] = body.errors
    // Both codes mean that the path or the method is unknown.
    const isUnknown = error?.code === 7000 || error?.code === 7001
    if (error?.code === 10300) expect(error.message).toMatch(/^The local cloud does not support \w+/)
    else if (isUnknown) silent.push(operation)
  }
  expect(silent).toEqual([])
})

test.each([
  ['email', /Email Routing/],
  ['tail', /tail consumers/],
])(
  'a Worker with a %s handler, which nothing would call, is rejected before it serves',
  async (handler, missing) => {
    const cloud = await startInlineCloud()
    await cloud.put('app', {}, [{ name: 'main.js', content: hello('before') }])
    await cloud.publish('app')
    const content = `export default { fetch: () => new Response('after'), ${handler}() {} }`
    for (const reply of [
      await cloud.put('app', {}, [{ name: 'main.js', content }]),
      await cloud.upload('app', {}, [{ name: 'main.js', content }]),
      await cloud.call(
        'PUT',
        `/accounts/${accountId}/workers/scripts/other`,
        form({}, [{ name: 'main.js', content: `export default { ${handler}() {} }` }]),
      ),
    ])
      expect([reply.status, reply.code, reply.message]).toEqual([400, 10021, expect.stringMatching(missing)])
    expect((await cloud.get('app')).text).toBe('before')
    expect((await cloud.call('GET', `/accounts/${accountId}/workers/scripts`)).result).not.toContainEqual(
      expect.objectContaining({ id: 'other' }),
    )
  },
)
