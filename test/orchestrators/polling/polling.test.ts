import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startWorld, type World } from '../harness.ts'

describe('a cycle', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ nodes: 5 })
  })
  afterAll(() => world?.stop())
  beforeEach(async () => {
    for (const node of world.nodes) {
      node.fault = undefined
      node.state = 0
      node.limit = 0
      node.asked.length = 0
    }
    // Everything is confirmed online again.
    await world.cycle()
    for (const node of world.nodes) node.asked.length = 0
  })

  it('asks each node one question, and for its identity only at first', async () => {
    const { row } = await world.cycle()
    expect(row).toMatchObject({
      state: 'complete',
      online_count: 5,
      total_count: 5,
      bridge_status: 'online',
      throttled: 0,
      unknown: 0,
      seconds: 60,
    })
    expect(world.nodes.map((node) => node.asked)).toEqual(world.nodes.map(() => ['getStatus']))
    expect(await world.shown('Node-01')).toMatchObject({
      pillar_name: 'Node-01',
      state: 0,
      state_name: 'LiveState',
      is_online: true,
      error_message: null,
      network_stats: [
        { network: 'bnb', wraps_count: 0, unwraps_count: 0 },
        { network: 'eth', wraps_count: 0, unwraps_count: 0 },
        { network: 'supernova', wraps_count: 0, unwraps_count: 0 },
      ],
    })
  })

  it.each([
    [0, 'LiveState', true],
    [1, 'KeyGenState', true],
    [2, 'HaltedState', false],
    [3, 'EmergencyState', false],
    [4, 'ReSignState', false],
    [9, 'Unknown', false],
  ])('takes state %i for %s', async (state, name, online) => {
    world.node(0).state = state
    await world.cycle()
    await world.cycle()
    expect(await world.shown('Node-01')).toMatchObject({ state, state_name: name, is_online: online })
  })

  it.each([
    ['rpc-error', 'RPC error (HTTP 500): momentum not available'],
    ['http-error', 'HTTP error: status 503'],
    ['hang', 'Network error: no answer within 2 s'],
    ['truncate', 'Network error: connection closed before the answer was complete'],
    ['huge', 'Oversized answer: more than 1 MiB'],
    ['not-json', 'Malformed answer: not the JSON of a node'],
    ['empty-result', 'Malformed answer: no result of getStatus'],
  ] as const)('says of %s: %s; offline after two', async (fault, message) => {
    world.node(1).fault = fault
    await world.cycle()
    expect(await world.shown('Node-02')).toMatchObject({
      is_online: true,
      last_sample: 'bad',
      error_message: message,
    })
    const { row } = await world.cycle()
    expect(row).toMatchObject({ online_count: 4, bridge_status: 'online' })
    expect(await world.shown('Node-02')).toMatchObject({ is_online: false, error_message: message })
    world.node(1).fault = undefined
    await world.cycle()
    expect(await world.shown('Node-02')).toMatchObject({ is_online: true, error_message: null })
  })

  it('waits for slow nodes, and for dead ones no longer than the deadline', async () => {
    world.node(0).fault = 'slow'
    for (const index of [1, 2, 3]) world.node(index).fault = 'hang'
    const startedAt = performance.now()
    await world.cycle()
    const took = performance.now() - startedAt
    expect(took).toBeGreaterThan(1900)
    expect(took).toBeLessThan(4500)
    const slow = await world.shown('Node-01')
    expect(slow.is_online).toBe(true)
    expect(slow.response_time_ms).toBeGreaterThanOrEqual(100)
  })

  it('asks a throttled node once more, after its second has passed', async () => {
    const node = world.node(2)
    node.limit = 2
    // Others have used up what the node allows.
    for (let n = 0; n < 3; n++) {
      await fetch(`http://127.0.0.1:${node.port}`, {
        method: 'POST',
        body: '{"method":"getStatus","params":[]}',
      })
    }
    await world.cycle()
    expect(await world.shown('Node-03')).toMatchObject({ is_online: true, last_sample: 'good' })
  })

  it('keeps what is believed of a node that stays throttled', async () => {
    world.node(3).fault = 'throttle'
    for (let n = 0; n < 2; n++) {
      const { row } = await world.cycle()
      expect(row).toMatchObject({ online_count: 5, throttled: 1 })
    }
    expect(await world.shown('Node-04')).toMatchObject({ is_online: true, last_sample: 'throttled' })
  })

  it('notices a restarted node that is another one, and one that only has another name', async () => {
    const node = world.node(4)
    const { pubkey } = node
    await node.stop()
    await world.cycle()
    expect((await world.shown('Node-05')).error_message).toBe('Network error: connection refused')
    await node.restart({ pubkey: Buffer.alloc(32, 7).toString('base64') })
    await world.cycle()
    expect(node.asked).toEqual(['getStatus', 'getIdentity'])
    expect(await world.shown('Node-05')).toMatchObject({
      is_online: false,
      error_message: expect.stringMatching(/^identity_mismatch/),
    })
    await node.stop()
    await world.cycle()
    await node.restart({ pubkey, pillarName: 'Another' })
    await world.cycle()
    expect(await world.shown('Node-05')).toMatchObject({
      is_online: true,
      pillar_name: 'Another',
      signals: [{ kind: 'name_mismatch', network: null, since: null }],
    })
    await node.stop()
    await world.cycle()
    await node.restart({ pillarName: 'Node-05' })
    await world.cycle()
  })

  it('keeps whole answers only when they say something new', async () => {
    const raw = async () => Number((await world.ctx.db('orchestrator_raw_answers').count().first())?.count)
    const before = await raw()
    world.node(0).momentum += 10
    await world.cycle()
    expect(await raw()).toBe(before)
    world.node(0).state = 1
    await world.cycle()
    expect(await raw()).toBe(before + 1)
  })

  it('is not upset by what a node makes up', async () => {
    const node = world.node(0)
    const { pillarName } = node
    const honest = node.status.bind(node)
    await node.stop()
    await world.cycle()
    await node.restart({ pillarName: `Evil\u0000\ud800${'x'.repeat(300)}` })
    const evil = { ...node.networks.Ethereum, wrapsHash: '\u0000\ud800', wrapsToSign: 0xffff_ffff }
    const made = {
      peers: ['\u0000', '\ud800'],
      networks: { Ethereum: evil, BSC: evil, 'BNB Chain': evil, other: evil },
    }
    node.status = () => ({ ...honest(), ...made }) as never
    const { row } = await world.cycle()
    expect(row).toMatchObject({ state: 'complete', online_count: 5 })
    const shown = await world.shown('Node-01')
    expect(shown.pillar_name).toHaveLength(100)
    expect(shown.network_stats.map((each: { network: string }) => each.network)).toEqual(['bnb', 'eth'])
    for (const wrong of [
      { frontierMomentum: 2 ** 60 },
      { state: -1 },
      { state: 1e9 },
      { networks: { Ethereum: { wrapsToSign: -5 } } },
      { networks: [] },
    ]) {
      node.status = () => ({ ...honest(), ...wrong }) as never
      await world.cycle()
      expect((await world.shown('Node-01')).error_message).toBe('Malformed answer: no result of getStatus')
    }
    node.status = honest
    await node.stop()
    await world.cycle()
    await node.restart({ pillarName })
    await world.cycle()
  })
})
