import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createSocketGroup } from '../../src/platform/sockets/index.ts'
import { silent } from '../helpers/context.ts'
import { undocumented } from '../helpers/undocumented.ts'
import { until } from '../helpers/until.ts'
import { startWorld, type World } from './harness.ts'
import { sseReader } from './sse-messages.ts'

describe('live status', () => {
  let world: World
  let url: string
  beforeAll(async () => {
    world = await startWorld({ nodes: 3 })
    url = `${world.api.origin.replace('http', 'ws')}/api/v1/ws/status`
    await world.cycle()
  })
  afterAll(() => world?.stop())

  /** A socket with all that it was told. */
  async function open(at = `${url}?token=${world.admin}`, protocols?: string[]) {
    const socket = new WebSocket(at, protocols)
    const texts: string[] = []
    socket.on('message', (data) => texts.push(String(data)))
    const closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: String(reason) }))
    await once(socket, 'open')
    return { socket, texts, closed, json: (index: number) => JSON.parse(texts[index] ?? 'null') }
  }

  it('comes at once and with each cycle, over WebSocket', async () => {
    const { socket, texts, json } = await open()
    await until(() => texts.length === 1)
    const status = (await world.call('/orchestrators/status')).json
    expect(json(0)).toEqual({ type: 'initial_status', timestamp: expect.any(String), data: status })
    world.node(0).state = 2
    await world.cycle()
    await until(() => texts.length === 2)
    expect(json(1)).toMatchObject({ type: 'status_update', data: { online_count: 3 } })
    await world.cycle()
    await until(() => texts.length === 3)
    expect(json(2)).toMatchObject({ type: 'status_update', data: { online_count: 2 } })
    world.node(0).state = 0
    socket.close()
  })

  it('answers ping, and echoes anything else', async () => {
    const { socket, texts, json } = await open()
    socket.send('ping')
    socket.send('PING')
    socket.send('{"type": "ping", "id": 1}')
    for (const text of ['{"hello": "there"}', '{"type": "pinging"}', '"ping"', 'null']) socket.send(text)
    await until(() => texts.length === 8)
    expect(texts.slice(1, 4)).toEqual(new Array(3).fill('{"type":"pong"}'))
    expect(json(4)).toEqual({ type: 'echo', message: '{"hello": "there"}' })
    expect(texts.slice(5).map((text) => JSON.parse(text).type)).toEqual(['echo', 'echo', 'echo'])
    socket.close()
  })

  it('takes the token as a subprotocol, and never answers that one', async () => {
    const { socket, texts } = await open(url, ['capstan.v1', `authorization.bearer.${world.admin}`])
    expect(socket.protocol).toBe('capstan.v1')
    await until(() => texts.length === 1)
    socket.close()
  })

  it('takes API tokens, within their scopes', async () => {
    const make = async (scopes: string[]) =>
      (await world.call('/auth/tokens', { json: { name: 'socket', scopes } })).json.token
    const { socket, texts } = await open(`${url}?token=${await make(['orchestrators:read'])}`)
    await until(() => texts.length === 1)
    socket.close()
    const other = await open(`${url}?token=${await make(['jobs:read'])}`)
    expect(await other.closed).toEqual({ code: 4003, reason: 'Not allowed' })
  })

  it.each([
    ['?token=ora_wrong', 'Invalid or expired token'],
    ['?token=a.b.c', 'Invalid or expired token'],
    ['', 'No authentication token provided'],
  ])('accepts %s only to close it with 4001', async (query, reason) => {
    const { closed } = await open(url + query)
    expect(await closed).toEqual({ code: 4001, reason })
  })

  it('is at its path only', async () => {
    const socket = new WebSocket(`${world.api.origin.replace('http', 'ws')}/api/v1/ws/other`)
    const [error] = await once(socket, 'error')
    expect(String(error)).toContain('404')
  })

  it('does not take large messages', async () => {
    const { socket, closed } = await open()
    socket.send('x'.repeat(5000))
    expect((await closed).code).toBe(1009)
  })

  it('comes as server-sent events, and only what is new after a reconnection', async () => {
    const reader = await sseReader(`${world.api.origin}/api/v1/orchestrators/events`, world.admin)
    await until(() => reader.events.length === 1)
    expect(reader.events[0]).toMatchObject({ event: 'initial_status', data: { type: 'initial_status' } })
    await world.cycle()
    await until(() => reader.events.length === 2)
    expect(reader.events[1]).toMatchObject({ event: 'status_update', data: { data: { total_count: 3 } } })
    reader.close()
    const last = String(reader.events[1]?.id)
    const again = await sseReader(`${world.api.origin}/api/v1/orchestrators/events`, world.admin, last)
    await world.cycle()
    await until(() => again.events.length === 1)
    expect(again.events[0]?.event).toBe('status_update')
    again.close()
  })

  it('hears of new and changed nodes', async () => {
    const { socket, texts, json } = await open()
    await until(() => texts.length === 1)
    const node = (await world.call('/orchestrators', { json: { name: 'New', ip_address: '192.0.2.1' } })).json
    await until(() => texts.length === 2)
    expect(json(1).data.orchestrators).toContainEqual(
      expect.objectContaining({
        node_name: 'New',
        is_online: false,
        error_message: 'No data collected yet',
        network_stats: [],
        last_checked: null,
      }),
    )
    await world.call(`/orchestrators/${node.id}`, { method: 'DELETE' })
    await until(() => texts.length === 3)
    expect(json(2).data.total_count).toBe(3)
    socket.close()
  })
})

describe('a socket group', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ nodes: 1 })
  })
  afterAll(() => world?.stop())

  /** Sockets of a server of their own, swept at the test's pace. */
  async function groupOf(valid?: () => boolean, token = world.admin) {
    const { createHttpServer } = await import('../../src/platform/http/index.ts')
    const { createUpgrades } = await import('../../src/platform/sockets/index.ts')
    const group = createSocketGroup({ name: 'test', log: silent, onMessage: () => undefined, sweepMs: 500 })
    const route = {
      ...undocumented,
      path: '/group',
      access: 'orchestrators:read' as const,
      protocol: 'test',
      accept: (socket: WebSocket, caller: Parameters<typeof group.add>[1]) =>
        group.add(
          socket,
          valid === undefined
            ? caller
            : { ...caller, principal: { ...caller.principal, stillValid: async () => valid() } },
        ),
    }
    const { accounts, limits } = world.ctx
    const upgrade = createUpgrades([route], {
      ...{ authenticate: accounts.authenticate, limits, log: silent, trustedProxies: [] },
    })
    const server = createHttpServer(
      (await import('express')).default(),
      { host: '127.0.0.1', port: 0 },
      { upgrade },
    )
    await server.start()
    return { group, server, url: `ws://127.0.0.1:${server.port()}/group?token=${token}` }
  }

  it('closes those whose credential is no longer good', async () => {
    let valid = true
    const { group, server, url } = await groupOf(() => valid)
    const socket = new WebSocket(url)
    const closed = once(socket, 'close')
    await until(() => group.size() === 1)
    valid = false
    expect((await closed)[0]).toBe(4001)
    await group.stop()
    await server.stop()
  })

  it('closes those of a token that was revoked, and nobody else', async () => {
    const make = async () => (await world.call('/auth/tokens', { json: { name: 'socket' } })).json
    const revoked = await make()
    const { group, server, url } = await groupOf(undefined, revoked.token)
    const socket = new WebSocket(url)
    const closed = once(socket, 'close')
    const other = new WebSocket(url.replace(revoked.token, (await make()).token))
    await until(() => group.size() === 2)
    await world.call(`/auth/tokens/${revoked.id}`, { method: 'DELETE' })
    expect((await closed)[0]).toBe(4001)
    await until(() => group.size() === 1)
    expect(other.readyState).toBe(WebSocket.OPEN)
    await group.stop()
    await server.stop()
  })

  it.each([0, 125, 126, 0xffff, 0x1_0000])('tells all of them a text of %i bytes', async (size) => {
    const { group, server, url } = await groupOf(() => true)
    const sockets = [new WebSocket(url), new WebSocket(url)]
    const heard = sockets.map((socket) => once(socket, 'message'))
    await until(() => group.size() === 2)
    group.broadcast(Buffer.alloc(size, 'x'))
    for (const [data, isBinary] of await Promise.all(heard)) {
      expect([String(data), isBinary]).toEqual(['x'.repeat(size), false])
    }
    await group.stop()
    await server.stop()
  })

  it('cuts who does not read and who does not answer', async () => {
    const { group, server, url } = await groupOf(() => true)
    const raw = connect(server.port(), '127.0.0.1')
    raw.on('error', () => undefined)
    raw.write(
      `GET ${new URL(url).pathname}${new URL(url).search} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n` +
        'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    await until(() => group.size() === 1)
    raw.pause()
    const text = Buffer.alloc(512 * 1024, 'x')
    await until(() => {
      group.broadcast(text)
      return group.size() === 0
    })
    raw.destroy()
    // Reads, but never answers a ping.
    const silentOne = new WebSocket(url, { autoPong: false })
    await until(() => group.size() === 1)
    await once(silentOne, 'close')
    const good = new WebSocket(url)
    await until(() => group.size() === 1)
    let pings = 0
    good.on('ping', () => (pings += 1))
    await until(() => pings >= 3)
    expect(group.size()).toBe(1)
    const closed = once(good, 'close')
    await group.stop()
    expect((await closed)[0]).toBe(1001)
    await server.stop()
  })
})
