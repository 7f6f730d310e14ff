import { describe, expect, test } from 'vitest'
import { ApiError, ConnectionError, createClient, type FollowOptions } from '../../client/src/index.ts'
import { event, json, openStream, refusal, startFakeApi } from '../cli/fake-api.ts'

async function follow(url: string, options: FollowOptions = {}) {
  const client = createClient({ url, auth: { token: 'ora_x' } })
  const seen: [number, string, unknown][] = []
  for await (const { id, type, data } of client.follow({ path: '/logs' }, options))
    seen.push([id, type, data])
  return seen
}

describe('the events of a stream', () => {
  test('continues after a broken connection, and shows no event twice', async () => {
    const api = await startFakeApi((_asked, res) => {
      openStream(res)
      const connection = api.asked.length
      if (connection === 1) {
        // The connection breaks in the middle of the third event, which must be read whole afterwards.
        res.write(event(1, 'message', 'a') + event(2, 'step', 'b') + event(3, 'message', 'c').slice(0, 12))
        setImmediate(() => res.destroy())
      } else if (connection === 2) {
        // The connection ends in order, without an `end` event and after a repeated event.
        res.end(`: keep-alive\n\n${event(2, 'step', 'b')}${event(3, 'message', 'c')}`)
      } else res.end(event(4, 'message', 'ä\n"d"') + event(5, 'end', {}))
    })
    let breaks = 0
    const seen = await follow(api.url, { onBreak: () => (breaks += 1) })
    expect(seen).toEqual([
      [1, 'message', 'a'],
      [2, 'step', 'b'],
      [3, 'message', 'c'],
      [4, 'message', 'ä\n"d"'],
      [5, 'end', {}],
    ])
    expect(api.asked.map((each) => each.headers['last-event-id'])).toEqual(['0', '2', '3'])
    expect(breaks).toBe(2)
  })

  test('assembles events whose bytes arrive one by one', async () => {
    const api = await startFakeApi(async (_asked, res) => {
      openStream(res)
      for (const byte of Buffer.from(`${event(1, 'message', 'aä€')}${event(2, 'end', {})}`)) {
        await new Promise((resolve) => res.write(Buffer.from([byte]), resolve))
      }
    })
    expect(await follow(api.url)).toEqual([
      [1, 'message', 'aä€'],
      [2, 'end', {}],
    ])
  })

  test('waits for a service that restarts, and reports it once', async () => {
    let asked = 0
    const api = await startFakeApi((_asked, res) => {
      asked += 1
      if (asked === 1) return void res.destroy()
      if (asked < 4) return json(res, 503, refusal('SYS_002', 'away'))
      openStream(res)
      res.end(event(1, 'end', {}))
    })
    let breaks = 0
    expect(await follow(api.url, { onBreak: () => (breaks += 1) })).toHaveLength(1)
    expect(breaks).toBe(1)
  })

  test('replaces a connection that stays silent', async () => {
    const api = await startFakeApi((_asked, res) => {
      openStream(res)
      if (api.asked.length > 1) res.end(event(1, 'end', {}))
    })
    expect(await follow(api.url, { silenceMs: 50 })).toHaveLength(1)
    expect(api.asked).toHaveLength(2)
  })

  test('ends if no events are left', async () => {
    const api = await startFakeApi((_asked, res) => void res.writeHead(204).end())
    expect(await follow(api.url)).toEqual([])
    expect(api.asked).toHaveLength(1)
  })

  test('gives up after the time limit, and immediately after a refusal', async () => {
    const gone = await startFakeApi((_asked, res) => void res.destroy())
    await expect(follow(gone.url, { patienceMs: 300 })).rejects.toThrow(ConnectionError)
    const refusing = await startFakeApi((_asked, res) =>
      json(res, 404, refusal('SYS_005', 'Deployment not found')),
    )
    await expect(follow(refusing.url)).rejects.toThrow(ApiError)
    expect(refusing.asked).toHaveLength(1)
  })

  test('end when the signal is aborted, and close the connection', async () => {
    const closed = Promise.withResolvers<void>()
    const api = await startFakeApi((_asked, res) => {
      openStream(res)
      res.write(event(1, 'message', 'a'))
      res.on('close', () => closed.resolve())
    })
    const ending = new AbortController()
    const client = createClient({ url: api.url })
    const reading = (async () => {
      for await (const _event of client.follow({ path: '/logs' }, { signal: ending.signal }))
        ending.abort(new Error('enough'))
    })()
    await expect(reading).rejects.toThrow('enough')
    await closed.promise
    expect(api.asked).toHaveLength(1)
  })

  test('close the connection when the loop is left', async () => {
    const closed = Promise.withResolvers<void>()
    const api = await startFakeApi((_asked, res) => {
      openStream(res)
      res.write(event(1, 'state', { state: 'running', attempt: 1 }))
      res.on('close', () => closed.resolve())
    })
    const client = createClient({ url: api.url })
    for await (const each of client.events('watchJob', { path: { id: 'j' } })) {
      expect(each).toEqual({ id: 1, type: 'state', data: { state: 'running', attempt: 1 } })
      break
    }
    await closed.promise
    expect(api.asked[0]?.path).toBe('/jobs/j/events')
  })
})
