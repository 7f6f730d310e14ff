import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { Miniflare } from 'miniflare'
import { afterEach, describe, expect, test } from 'vitest'
import { bundle, generated } from '../../../../bin/build-container-front.js'
import { defaultCompatibility as compatibility } from '../../../../src/deployments/model/plan.ts'
import { frontModules, noEngine } from '../../../../src/deployments/plans/container-front.ts'
import { startContainerEngine } from './container-engine.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** The front in workerd, as a plan would have it. Without an engine its class is a plain Durable Object. */
async function startFront(options: { engine?: string; image?: string; instances?: number }) {
  const { engine, image = 'app:1', instances = 1 } = options
  const made = await frontModules({ className: 'ChatRoom', port: 8080, instances })
  const modules = made.map(({ name, content }) => ({
    type: 'ESModule' as const,
    path: `/${name}`,
    contents: Buffer.from(content, 'base64').toString(),
  }))
  const container = engine === undefined ? {} : { container: { imageName: image } }
  const miniflare = new Miniflare({
    ...{ modulesRoot: '/', modules },
    ...{ compatibilityDate: compatibility.date, compatibilityFlags: compatibility.flags },
    bindings: { GREETING: 'hi', PASSWORD: 'sesame' },
    durableObjects: { CHAT_ROOM: { className: 'ChatRoom', useSQLite: true, ...container } },
    ...(engine === undefined ? {} : { containerEngine: engine }),
    handleRuntimeStdio(out: Readable, err: Readable) {
      for (const stream of [out, err]) stream.resume()
    },
  })
  cleanups.push(() => miniflare.dispose())
  return miniflare
}

const engineOf = async (images: string[]) => {
  const engine = await startContainerEngine({
    images,
    app(request, response) {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        response.writeHead(201, { 'x-from': 'container' })
        response.end(`${request.method} ${request.url} ${Buffer.concat(chunks)}`)
      })
    },
  })
  cleanups.push(engine.stop)
  return engine
}

test('the bundle matches a new build of its source', async () => {
  const text = readFileSync(generated, 'utf8')
  expect(text).toBe(await bundle())
  const manifest = JSON.parse(readFileSync('node_modules/@cloudflare/containers/package.json', 'utf8'))
  expect(text).toContain(`@cloudflare/containers ${manifest.version}`)
  expect(text).toContain('Permission is hereby granted')
})

describe('the front of an app without code', { timeout: 60_000 }, () => {
  test('forwards requests with their bodies to the container, and returns its responses', async () => {
    const engine = await engineOf(['app:1'])
    const front = await startFront({ engine: engine.socket })
    const answer = await front.dispatchFetch('http://app/rooms?x=1', { method: 'POST', body: 'said' })
    expect(await answer.text()).toBe('POST /rooms?x=1 said')
    expect(answer.status).toBe(201)
    expect(answer.headers.get('x-from')).toBe('container')
    expect(engine.containers()).toEqual([
      // Variables and secrets of the Worker are the container's.
      { image: 'app:1', running: true, env: expect.objectContaining({ GREETING: 'hi', PASSWORD: 'sesame' }) },
    ])
    expect(new Set(engine.asked.map((address) => address.split(':')[1]))).toEqual(new Set(['8080']))
  })

  test('distributes requests over the instances', async () => {
    const engine = await engineOf(['app:1'])
    const front = await startFront({ engine: engine.socket, instances: 2 })
    // Each goes to one of two by chance: all to the same one once in half a million runs.
    for (let at = 0; at < 20; at++) await (await front.dispatchFetch('http://app/')).text()
    expect(engine.containers()).toHaveLength(2)
  })

  test('reports a container that cannot be started', async () => {
    const engine = await engineOf(['app:1'])
    const front = await startFront({ engine: engine.socket, image: 'app:2' })
    const answer = await front.dispatchFetch('http://app/')
    expect(answer.status).toBe(500)
    expect(await answer.text()).toMatch(/Failed to start container/)
  })

  test('reports that the cloud runs no containers', async () => {
    const front = await startFront({})
    const answer = await front.dispatchFetch('http://app/')
    expect(answer.status).toBe(noEngine.status)
    expect(answer.headers.get(noEngine.header)).toBe(noEngine.value)
    expect(await answer.text()).toMatch(/no container engine/)
  })
})
