import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createCloudHttp } from '../../../src/deployments/cloudflare/http.ts'
import { createOutgoing } from '../../../src/platform/network/outgoing.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

/** A cloud that answers as told, and a client of it. */
async function clientOf(answer: (req: IncomingMessage, res: ServerResponse) => void, limits = {}) {
  const connections = new Set<Socket>()
  const server = createServer(answer)
  server.on('connection', (socket) => connections.add(socket))
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const dispatcher = createOutgoing()
  stops.push(async () => {
    await dispatcher.destroy()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const options = { baseUrl, apiToken: 'a-token-of-twenty-characters', dispatcher }
  return { http: createCloudHttp({ ...options, ...limits }), connections, options }
}

const whole = (result: unknown) => JSON.stringify({ success: true, errors: [], messages: [], result })
const signal = () => AbortSignal.timeout(20_000)
const anything = z.unknown()

describe('calls', () => {
  test('share kept-alive connections', async () => {
    const { http, connections } = await clientOf((_req, res) => res.end(whole(1)))
    for (let call = 0; call < 20; call++) await http.read(anything, { path: '/x', signal: signal() })
    // A second one may be opened while the first is still being set free.
    expect(connections.size).toBeLessThanOrEqual(2)
  })

  test('end at their total time limit, regardless of retries', async () => {
    const { http } = await clientOf((_req, res) => res.writeHead(503).end(), { totalMs: 700 })
    const from = Date.now()
    await expect(http.read(anything, { path: '/x', signal: signal() })).rejects.toMatchObject({
      name: 'CloudUnreachable',
      message: 'no answer within 0.7 s',
    })
    expect(Date.now() - from).toBeLessThan(5000)
  })

  test('end immediately when their step is cancelled', async () => {
    const { http } = await clientOf(() => undefined)
    const off = new AbortController()
    const call = http.read(anything, { path: '/x', signal: off.signal })
    off.abort(new Error('called off'))
    await expect(call).rejects.toThrow('called off')
  })

  test('that write are sent only once', async () => {
    let sent = 0
    const { http } = await clientOf((_req, res) => {
      sent += 1
      res.writeHead(503).end()
    })
    await expect(
      http.write(anything, { method: 'POST', path: '/x', json: {}, signal: signal() }),
    ).rejects.toMatchObject({ status: 503 })
    expect(sent).toBe(1)
  })

  test('with a rejected token are sent once more with its replacement', async () => {
    const shown: (string | undefined)[] = []
    const { options } = await clientOf((req, res) => {
      shown.push(req.headers.authorization)
      const fine = req.headers.authorization === 'Bearer new'
      const refused = { success: false, errors: [{ code: 10000, message: 'no' }], result: null }
      res.writeHead(fine ? 200 : 403).end(fine ? whole(1) : JSON.stringify(refused))
    })
    const asked: string[] = []
    const renew = async (rejected: string) => {
      asked.push(rejected)
      return 'new'
    }
    const http = createCloudHttp({ ...options, renew })
    await http.write(anything, { method: 'POST', path: '/x', json: {}, signal: signal() })
    await http.read(anything, { path: '/x', signal: signal() })
    expect(shown).toEqual([`Bearer ${options.apiToken}`, 'Bearer new', 'Bearer new'])
    expect(asked).toEqual([options.apiToken])
  })

  test('that write are confirmed after the wait for the rate limit, before each transmission', async () => {
    const order: string[] = []
    const { options } = await clientOf((_req, res) => {
      order.push('sent')
      const refused = { success: false, errors: [{ code: 10000, message: 'no' }], result: null }
      res.writeHead(403).end(JSON.stringify(refused))
    })
    const budget = { take: async () => void order.push('turn'), note: async () => undefined }
    const renew = async () => {
      order.push('renewed')
      return 'new'
    }
    let leaves = 0
    const beforeSend = async () => {
      order.push('asked')
      leaves += 1
      if (leaves === 2) throw new Error('the lease is lost')
      return { answered: async () => void order.push('answered'), lost: async () => void order.push('lost') }
    }
    const http = createCloudHttp({ ...options, budget, renew })
    const call = { method: 'POST' as const, path: '/x', json: {}, signal: signal(), beforeSend }
    await expect(http.write(anything, call)).rejects.toThrow('the lease is lost')
    expect(order).toEqual(['turn', 'asked', 'sent', 'answered', 'renewed', 'turn', 'asked'])
  })
})

test.each([
  ['answered', 'a success', (res: ServerResponse) => res.end(whole(1))],
  ['answered', 'a refusal', (res: ServerResponse) => res.writeHead(400).end('{}')],
  [
    'lost',
    'a fault of the server, or of what stands before it',
    (res: ServerResponse) => res.writeHead(502).end(),
  ],
  ['lost', 'a broken connection', (res: ServerResponse) => res.destroy()],
  [
    'lost',
    'an answer that is cut off',
    (res: ServerResponse) => res.writeHead(200, { 'content-length': '99' }).write('{', () => res.destroy()),
  ],
])('a write is %s with %s', async (expected, _, answer) => {
  const { http } = await clientOf((_req, res) => void answer(res))
  const told: string[] = []
  const beforeSend = async () => ({
    answered: async () => void told.push('answered'),
    lost: async () => void told.push('lost'),
  })
  const call = { method: 'POST' as const, path: '/x', json: {}, signal: signal(), beforeSend }
  await http.write(anything, call).catch(() => undefined)
  expect(told).toEqual([expected])
})

describe('a refusal', () => {
  const refusedWith = async (status: number, headers: Record<string, string>, body: string) => {
    const { http } = await clientOf((_req, res) => res.writeHead(status, headers).end(body))
    const call = {
      method: 'POST' as const,
      path: '/x',
      json: {},
      confidential: ['a-secret'],
      signal: signal(),
    }
    return http.write(anything, call).catch((error: unknown) => error)
  }

  test.each([
    ['seconds', '17', 17],
    ['more than there can be', '86400', 300],
    ['a date', () => new Date(Date.now() + 30_000).toUTCString(), 30],
    ['nonsense', 'soon', undefined],
  ])('keeps its Retry-After: %s', async (_, value, expected) => {
    const header = typeof value === 'function' ? value() : value
    const error = await refusedWith(429, { 'retry-after': header }, '')
    const { retryAfter } = error as { retryAfter: number | undefined }
    if (expected === undefined) expect(retryAfter).toBeUndefined()
    else expect(Math.abs((retryAfter ?? 0) - expected)).toBeLessThanOrEqual(1)
  })

  test("keeps Cloudflare's id of the call", async () => {
    const body = JSON.stringify({ success: false, errors: [{ code: 10021, message: 'bad' }], result: null })
    expect(await refusedWith(400, { 'cf-ray': '8f-FRA' }, body)).toMatchObject({ code: 10021, ray: '8f-FRA' })
  })

  test('is quoted without the token and other secrets of the request', async () => {
    const message = 'you sent a-token-of-twenty-characters and a-secret'
    const body = JSON.stringify({ success: false, errors: [{ code: 10021, message }], result: null })
    expect(await refusedWith(400, {}, body)).toMatchObject({ message: 'you sent [redacted] and [redacted]' })
  })

  test('without the envelope is classified by its status', async () => {
    expect(await refusedWith(502, {}, '<html>')).toMatchObject({ code: 0, status: 502, message: 'HTTP 502' })
  })
})
