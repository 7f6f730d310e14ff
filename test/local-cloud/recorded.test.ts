import { expect, test } from 'vitest'
import { until } from '../helpers/until.ts'
import { accountId, form, shareCloud, token } from './harness.ts'

const shared = shareCloud()

const worker = `
import { EmailMessage } from 'cloudflare:email'
const mail = (to) => new EmailMessage('shop@example.test', to, 'From: shop@example.test\\r\\nSubject: hi\\r\\n\\r\\nbody')
const answers = {
  '/point': (env) => env.SALES.writeDataPoint({ indexes: ['book'], blobs: ['blue', null], doubles: [3, 0.5] }) ?? 'nothing',
  '/bad': (env) => env.SALES.writeDataPoint({ doubles: ['3'] }),
  '/mail': async (env) => (await env.MAIL.send(mail('to@example.test'))).messageId,
  '/built': async (env) => (await env.MAIL.send({
    from: 'Shop <shop@example.test>', to: ['to@example.test'], subject: 'hi', text: 'body',
    attachments: [{ filename: 'a.bin', content: new Uint8Array([1, 2]), disposition: 'attachment', type: 'application/x' }],
  })).messageId,
  '/stranger': (env) => env.MAIL.send(mail('other@example.test')),
  '/strange': (env) => env.STRANGE.do(),
}
export default {
  async fetch(request, env) {
    try {
      return new Response(await answers[new URL(request.url).pathname](env))
    } catch (error) {
      return new Response(error.message)
    }
  },
}`

const bindings = [
  { type: 'analytics_engine', name: 'SALES', dataset: 'sales' },
  { type: 'send_email', name: 'MAIL', allowed_destination_addresses: ['to@example.test'] },
  { type: 'telepathy', name: 'STRANGE', range: 3 },
]

async function recorded(path: string, bearer = token) {
  const response = await fetch(`${shared().url}/capstan/recorded/${path}`, {
    headers: { authorization: `Bearer ${bearer}` },
  })
  const { result } = (await response.json()) as { result: Record<string, unknown>[] }
  return { status: response.status, result }
}

test('data points and emails are recorded, and unknown bindings and settings have no effect', async () => {
  const cloud = shared()
  const at = `${cloud.url}/client/v4/accounts/${accountId}/workers/scripts/shop`
  const headers = { authorization: `Bearer ${token}` }
  const body = form({ bindings, oddity: { deep: 1 } }, [{ name: 'main.js', content: worker }])
  const response = await fetch(at, { method: 'PUT', headers, body })
  const uploaded = (await response.json()) as { messages: { message: string }[] }
  expect(uploaded.messages.map(({ message }) => message)).toEqual([
    'The binding STRANGE is accepted but does not run: the local cloud has no telepathy. Using it throws an error.',
    'The binding MAIL sends no email: the local cloud records what it is given.',
    'The setting oddity is accepted but has no effect: the local cloud does not know it.',
  ])
  const settings = (await (await fetch(`${at}/settings`, { headers })).json()) as {
    result: { bindings: object[] }
  }
  expect(settings.result.bindings).toContainEqual({ type: 'telepathy', name: 'STRANGE', range: 3 })
  await cloud.publish('shop')
  const ask = async (path: string) => (await cloud.get('shop', path)).text

  expect(await ask('/point')).toBe('nothing')
  expect(await ask('/bad')).toBe('A double must be a number.')
  const points = await until(async () => {
    const { result } = await recorded('analytics/sales')
    return result.length > 0 && result
  })
  expect(points).toEqual([
    {
      seq: 1,
      script: 'shop',
      writtenAt: expect.any(Number),
      indexes: ['book'],
      blobs: ['blue', null],
      doubles: [3, 0.5],
    },
  ])
  expect((await recorded('analytics')).result).toEqual([{ dataset: 'sales', points: 1 }])
  expect((await recorded('analytics/sales?after=1')).result).toEqual([])

  expect(await ask('/mail')).toMatch(/^<.+@example\.test>$/)
  expect(await ask('/built')).toMatch(/^<.+@example\.test>$/)
  expect(await ask('/stranger')).toBe('email to other@example.test not allowed')
  const emails = (await recorded('emails')).result
  expect(emails.map(({ email }) => email)).toEqual([
    { from: 'shop@example.test', to: 'to@example.test', raw: expect.stringContaining('Subject: hi') },
    expect.objectContaining({
      subject: 'hi',
      attachments: [expect.objectContaining({ content: { base64: 'AQI=' } })],
    }),
  ])
  expect(await ask('/strange')).toBe(
    'The binding STRANGE of type telepathy does not work in the local cloud.',
  )
  expect((await recorded('emails', 'another')).status).toBe(401)
})
