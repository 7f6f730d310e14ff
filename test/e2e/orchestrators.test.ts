import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { runCommand, type Stack, startStack } from '../helpers/stack.ts'
import { until } from '../helpers/until.ts'
import { FakeNode } from '../orchestrators/nodes/fake-node.ts'
import { sseReader } from '../orchestrators/sse-messages.ts'
import { type Api, adminPassword, query, signIn } from './support/client.ts'

const count = 20
const path = (rest: string) => `/api/v1${rest}`

/** Starts real processes and twenty nodes, and follows the live status while five nodes fail and recover. */
describe('the bridge during an outage', () => {
  const dir = mkdtempSync(join(tmpdir(), 'capstan-bridge-'))
  const nodes: FakeNode[] = []
  const told: string[] = []
  let stack: Stack
  let api: Api
  let socket: WebSocket
  let stream: Awaited<ReturnType<typeof sseReader>>

  beforeAll(async () => {
    for (let n = 1; n <= count; n++) nodes.push(await new FakeNode(`Pillar-${n}`).start())
    stack = await startStack({
      env: { ADMIN_PASSWORD: adminPassword, ORCHESTRATOR_POLL_INTERVAL: '1', ORCHESTRATOR_RPC_TIMEOUT: '1' },
    })
    api = await signIn(stack)
  }, 90_000)
  afterAll(async () => {
    socket?.terminate()
    stream?.close()
    await stack?.dispose()
    await Promise.all(nodes.map((node) => node.stop()))
    rmSync(dir, { recursive: true, force: true })
  })

  const get = async (rest: string) => (await api.call(path(rest))).json
  const summary = () => get('/orchestrators/status/summary')
  const untilOnline = (online: number) =>
    until(
      async () => {
        const found = await summary()
        return found.online_count === online && found
      },
      { timeoutMs: 30_000, what: `${online} nodes are online` },
    )

  it('has no nodes at first', async () => {
    expect(await summary()).toMatchObject({ total_count: 0, online_count: 0, bridge_status: 'offline' })
    expect(await get('/statistics/uptime?hours=1')).toMatchObject({
      bridge_uptime_percentage: null,
      node_uptimes: [],
    })
  })

  it('imports its nodes from a file at run time, and reaches all of them', async () => {
    const file = join(dir, 'nodes.json')
    const fields = nodes.map(({ pillarName: name, port, pubkey }) => ({
      ...{ name, ip: '127.0.0.1', rpc_port: port, pubkey },
    }))
    writeFileSync(file, JSON.stringify(fields))
    const { exitCode, output } = await runCommand(stack, ['nodes', 'import', '--json', file])
    expect({ exitCode, last: output.trim().split('\n').at(-1) }).toEqual({
      exitCode: 0,
      last: '20 created, 0 updated, 0 unchanged, 0 rejected',
    })
    expect(await untilOnline(count)).toMatchObject({
      bridge_status: 'online',
      total_count: count,
      stale: false,
    })
    const { orchestrators } = await get('/orchestrators/status')
    expect(orchestrators).toHaveLength(count)
    expect(orchestrators.every((each: { is_online: boolean }) => each.is_online)).toBe(true)
  })

  it('sends the status to live clients', async () => {
    const token = api.token
    socket = new WebSocket(`${stack.origin.replace('http', 'ws')}${path('/ws/status')}?token=${token}`)
    socket.on('message', (data) => told.push(String(data)))
    stream = await sseReader(stack.origin + path('/orchestrators/events'), token)
    await until(() => told.length >= 2 && stream.events.length >= 2)
    expect(JSON.parse(told[0] ?? '')).toMatchObject({ type: 'initial_status', data: { online_count: count } })
    expect(stream.events[0]).toMatchObject({ event: 'initial_status' })
  })

  it('detects five nodes that fail in different ways, and reports the bridge as offline', async () => {
    const [first, second, third, fourth, fifth] = nodes as [FakeNode, FakeNode, FakeNode, FakeNode, FakeNode]
    await first.stop()
    second.state = 2
    third.fault = 'hang'
    fourth.fault = 'rpc-error'
    fifth.fault = 'truncate'
    expect(await untilOnline(count - 5)).toMatchObject({ bridge_status: 'offline' })
    const { orchestrators } = await get('/orchestrators/status')
    const down = orchestrators
      .filter((each: { is_online: boolean }) => !each.is_online)
      .map((each: { node_name: string }) => each.node_name)
    expect(down.toSorted()).toEqual(['Pillar-1', 'Pillar-2', 'Pillar-3', 'Pillar-4', 'Pillar-5'])
  })

  it('continues after its worker is killed during a cycle', async () => {
    const hanging = nodes[2] as FakeNode
    const asked = hanging.asked.length
    // The cycle that queries this node waits for it up to the deadline.
    await until(() => hanging.asked.length > asked, { timeoutMs: 20_000 })
    stack.kill('worker')
    const before = (await summary()).timestamp
    await until(async () => (await summary()).timestamp > before, { timeoutMs: 40_000 })
  }, 60_000)

  it('detects that the nodes have recovered', async () => {
    await nodes[0]?.restart()
    for (const node of nodes) {
      node.state = 0
      node.fault = undefined
    }
    expect(await untilOnline(count)).toMatchObject({ bridge_status: 'online' })
  })

  it('has sent all changes in order, over both transports', async () => {
    const changes = (counts: { online_count: number; bridge_status: string }[]) =>
      counts.map((each) => each.bridge_status).filter((each, index, all) => each !== all[index - 1])
    await until(() => JSON.parse(told.at(-1) ?? '{}').data.online_count === count)
    await until(() => stream.events.at(-1)?.data.data.online_count === count)
    expect(changes(told.map((each) => JSON.parse(each).data))).toEqual(['online', 'offline', 'online'])
    expect(changes(stream.events.map((each) => each.data.data))).toEqual(['online', 'offline', 'online'])
    const ids = stream.events.map((each) => each.id)
    expect(ids).toEqual(ids.toSorted((a, b) => a - b))
  })

  it('has stored the whole history', async () => {
    const [first] = (await get('/orchestrators')).nodes
    const history = await get(`/orchestrators/${first.id}/history?page_size=1000`)
    expect(first.name).toBe('Pillar-1')
    expect(history.total).toBe(history.snapshots.length)
    const messages = history.snapshots.map((each: { error_message: string }) => each.error_message)
    expect(messages).toContain('Network error: connection refused')
    expect(messages).toContain(null)
    const uptime = await get('/statistics/uptime?hours=1')
    expect(uptime.bridge_uptime_percentage).toBeGreaterThan(0)
    expect(uptime.bridge_uptime_percentage).toBeLessThan(100)
    const byName = (name: string) =>
      uptime.node_uptimes.find((each: { node_name: string }) => each.node_name === name)
    // On a busy machine, an answer of a healthy node may be late too.
    expect(byName('Pillar-20').uptime_percentage).toBeGreaterThan(byName('Pillar-1').uptime_percentage)
    expect(byName('Pillar-1').uptime_percentage).toBeLessThan(100)
    const bridge = await get('/statistics/bridge?hours=1&interval_minutes=60')
    expect(bridge).toMatchObject({ min_online_count: count - 5, max_online_count: count })
    const { networks } = await get('/statistics/networks?hours=1')
    expect(networks.map((each: { network: string }) => each.network)).toEqual(['bnb', 'eth', 'supernova'])
    const cycles = await query<{ state: string; overlaps: boolean }>(
      stack,
      `select state, started_at < lag(finished_at) over (order by id) as overlaps
       from orchestrator_cycles where state <> 'running'`,
    )
    expect(cycles.length).toBeGreaterThan(5)
    expect(cycles.filter((each) => each.overlaps || each.state !== 'complete')).toEqual([])
  })
})
