import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { Agent } from 'undici'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { createCloudHttp } from '../../src/deployments/cloudflare/http.ts'
import { openTailProof } from '../../src/deployments/version-proof/tail.ts'
import { until } from '../helpers/until.ts'
import { assertConforms } from '../local-cloud/contract/contract.ts'

const accountId = 'a'.repeat(32)
const tailId = 'b'.repeat(32)
const path = `/accounts/${accountId}/workers/scripts/shop/tails`
const ok = (result: unknown) => ({ success: true, errors: [], messages: [], result })

/** Cloudflare's live log of one Worker: its calls are held to the published contract. */
async function startFakeTail() {
  const calls: string[] = []
  const violations: string[] = []
  const sockets: WebSocket[] = []
  const behaviour = { refuse: false, accept: true, filters: undefined as unknown }
  const wss = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has('trace-v1') ? 'trace-v1' : false),
  })
  const server = createServer(async (req, res) => {
    const body = req.method === 'POST' ? await json(req) : undefined
    const called = new URL(req.url ?? '', 'http://cloud').pathname
    calls.push(`${req.method} ${called}`)
    if (req.method === 'POST') behaviour.filters = (body as { filters: unknown }).filters
    const { port } = server.address() as AddressInfo
    const created = {
      id: tailId,
      url: `ws://127.0.0.1:${port}/log`,
      expires_at: '2026-11-30T23:00:00Z',
    }
    const answer = behaviour.refuse
      ? { success: false, errors: [{ code: 10000, message: 'no' }], messages: [], result: null }
      : ok(req.method === 'POST' ? created : null)
    const status = behaviour.refuse ? 403 : 200
    try {
      assertConforms(req.method ?? '', called, status, body, answer)
    } catch (error) {
      violations.push(String(error))
    }
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })
  server.on('upgrade', (req, socket, head) => {
    if (!behaviour.accept) return void socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')
    wss.handleUpgrade(req, socket, head, (connection) => sockets.push(connection))
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    calls,
    violations,
    behaviour,
    /** Sends an event of a request, as the log writes it. */
    show(requestId: string | undefined, version: string, asText = false) {
      const headers = requestId === undefined ? {} : { 'x-capstan-check': requestId }
      const request = { url: 'https://shop.example/', method: 'GET', headers, cf: {} }
      const event = {
        outcome: 'ok',
        scriptName: 'shop',
        scriptVersion: { id: version },
        exceptions: [],
        logs: [],
        eventTimestamp: 1,
        event: { request, response: { status: 200 } },
      }
      for (const socket of sockets)
        socket.send(asText ? JSON.stringify(event) : Buffer.from(JSON.stringify(event)))
    },
    say: (text: string) => sockets.forEach((socket) => void socket.send(text)),
    hangUp: () => sockets.forEach((socket) => void socket.close(1000)),
    protocols: () => sockets.map(({ protocol }) => protocol),
    async stop() {
      for (const socket of sockets) socket.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('the live log', () => {
  let tail: Awaited<ReturnType<typeof startFakeTail>>
  const dispatcher = new Agent()
  const signal = AbortSignal.timeout(20_000)
  beforeEach(async () => {
    tail = await startFakeTail()
  })
  afterEach(async () => {
    await tail.stop()
    expect(tail.violations).toEqual([])
  })
  afterAll(() => dispatcher.destroy())

  const open = (eventMs = 5000) => {
    const http = createCloudHttp({ baseUrl: tail.url, apiToken: 'token', dispatcher })
    return openTailProof({ http, dispatcher, accountId, script: 'shop', signal, eventMs })
  }
  const response = { headers: {} }

  test('names the version that answered a request, by the header of that request', async () => {
    const proof = await open()
    expect(proof.headersOf('one')).toEqual({ 'x-capstan-check': 'one' })
    const first = proof.versionOf('one', response, signal)
    tail.show(undefined, 'version-0')
    tail.show('two', 'version-2')
    tail.say('not JSON')
    tail.say('{"outcome":"ok","event":{"cron":"* * * * *"}}')
    tail.show('one', 'version-1', true)
    expect(await first).toBe('version-1')
    expect(await proof.versionOf('two', response, signal)).toBe('version-2')
    expect(tail.behaviour.filters).toEqual([{ header: { key: 'x-capstan-check' } }])
    expect(tail.protocols()).toEqual(['trace-v1'])
    await proof.close()
    expect(tail.calls).toEqual([`POST ${path}`, `DELETE ${path}/${tailId}`])
  })

  test('proves nothing if no event of the request comes in time', async () => {
    const proof = await open(30)
    expect(await proof.versionOf('one', response, signal)).toBeUndefined()
    await proof.close()
  })

  test('proves nothing any more once the cloud has closed it', async () => {
    const proof = await open(60_000)
    const asked = proof.versionOf('one', response, signal)
    tail.hangUp()
    expect(await asked).toBeUndefined()
    expect(await proof.versionOf('two', response, signal)).toBeUndefined()
    await proof.close()
  })

  test('ends its wait with the run', async () => {
    const proof = await open(60_000)
    const run = new AbortController()
    const asked = proof.versionOf('one', response, run.signal)
    run.abort(new Error('cancelled'))
    await expect(asked).rejects.toThrow('cancelled')
    await proof.close()
  })

  test('is removed again if it cannot be read', async () => {
    tail.behaviour.accept = false
    await expect(open()).rejects.toThrow('the live log could not be opened')
    await until(() => tail.calls.length === 2, { what: 'the log was removed' })
    expect(tail.calls.at(-1)).toBe(`DELETE ${path}/${tailId}`)
  })

  test('rejects with the refusal of the cloud if the token may not read it', async () => {
    tail.behaviour.refuse = true
    await expect(open()).rejects.toMatchObject({ status: 403, code: 10000 })
    expect(tail.calls).toEqual([`POST ${path}`])
  })
})
