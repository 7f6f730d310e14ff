import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { drive, type Runner, startWorld, type World } from '../harness.ts'

let world: World
let worker: Runner
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
afterAll(() => world?.stop())

/** Sends the contents as blobs. @returns the assets of a request */
async function assetsOf(pages: Record<string, string>, config: object = {}) {
  const files = Object.entries(pages).map(([path, content]) => ({
    path,
    digest: createHash('sha256').update(content).digest('hex'),
    size: Buffer.byteLength(content),
    contentType: 'text/html; charset=utf-8',
  }))
  for (const [at, content] of Object.values(pages).entries()) {
    const answer = await world.call(`/deploy/blobs/${files[at]?.digest}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream' },
      raw: content,
    })
    expect(answer.status).toBe(201)
  }
  return { files, config }
}

async function deploy(config: { appName: string } & Record<string, unknown>) {
  const id = await world.started(config)
  await drive(world, worker, id)
  expect((await world.status(id)).status, await world.messages(id)).toBe('completed')
  return id
}

const read = async (app: string, path: string) => (await world.get(`${app}-staging`, path)).text

describe('static files', () => {
  test('are deployed with code, and only changed ones are sent again', async () => {
    const pages = { '/index.html': 'one', '/other.html': 'other' }
    const id = await deploy({ appName: 'site', assets: await assetsOf(pages) })
    expect(await read('site', '/')).toBe('one')
    expect(await read('site', '/elsewhere')).toBe('hello')
    expect(await world.messages(id)).toContain('Sent 2 files of 2')
    const next = await deploy({ appName: 'site', assets: await assetsOf({ ...pages, '/index.html': 'two' }) })
    expect(await world.messages(next)).toContain('Sent 1 file of 2')
    expect(await read('site', '/')).toBe('two')
    expect(await read('site', '/other')).toBe('other')
  })

  test('return with a rollback', async () => {
    const first = await deploy({ appName: 'back', assets: await assetsOf({ '/index.html': 'before' }) })
    const second = await deploy({ appName: 'back', assets: await assetsOf({ '/index.html': 'after' }) })
    expect(await read('back', '/')).toBe('after')
    const { version } = (await world.status(first)).metadata
    const answer = await world.call(`/deploy/${second}/rollback`, { json: { targetVersion: version } })
    expect(answer.status, answer.text).toBe(202)
    await drive(world, worker, second)
    expect(await read('back', '/')).toBe('before')
  })

  test('are an app without code', async () => {
    const assets = await assetsOf({ '/index.html': 'only a page' }, { not_found_handling: '404-page' })
    const answer = await world.call('/deploy/prepare', {
      json: { environment: 'staging', config: { appName: 'pages', modules: undefined, assets } },
    })
    expect(answer.status, answer.text).toBe(200)
    const { deploymentId, plan } = answer.json.data
    expect(plan.changes).toContainEqual(expect.objectContaining({ kind: 'assets', action: 'create' }))
    await world.deploy(deploymentId)
    await drive(world, worker, deploymentId)
    expect((await world.status(deploymentId)).status, await world.messages(deploymentId)).toBe('completed')
    expect(await read('pages', '/')).toBe('only a page')
    const listed = await world.callCloud('GET', world.scriptsPath)
    const script = listed.result.find(({ id }: { id: string }) => id === 'pages-staging')
    expect(script).toMatchObject({ has_assets: true, has_modules: false })
  })

  test('add their step only to plans with static files', async () => {
    const steps = async (config: object) => {
      const { json } = await world.prepare({ appName: 'steps', ...config })
      return json.data.plan.steps.map(({ step }: { step: string }) => step)
    }
    expect(await steps({})).not.toContain('upload_assets')
    expect(await steps({ assets: await assetsOf({ '/index.html': 'x' }) })).toContain('upload_assets')
  })

  test('are kept, replaced, or removed, and the plan says so', async () => {
    const first = await assetsOf({ '/index.html': 'x' })
    await deploy({ appName: 'changes', assets: first })
    const change = async (config: object) => {
      const { json } = await world.prepare({ appName: 'changes', ...config })
      return json.data.plan.changes.filter(({ kind }: { kind: string }) => kind === 'assets')
    }
    const more = await assetsOf({ '/index.html': 'x', '/more.html': 'y' })
    expect(await change({ assets: first })).toMatchObject([{ kind: 'assets', action: 'keep' }])
    expect(await change({ assets: more })).toMatchObject([{ kind: 'assets', action: 'replace' }])
    expect(await change({ bindings: [] })).toMatchObject([{ kind: 'assets', action: 'delete' }])
  })
})

test('the code of an app reads static files through its binding', async () => {
  const script = `export default {
    async fetch(request, env) {
      const page = await env.FILES.fetch(new URL('/page.html', request.url))
      return new Response('read: ' + (await page.text()))
    },
  }`
  const bindings = [{ type: 'assets', name: 'FILES' }]
  await deploy({ appName: 'bound', script, bindings, assets: await assetsOf({ '/page.html': 'a page' }) })
  expect(await read('bound', '/')).toBe('read: a page')
})
