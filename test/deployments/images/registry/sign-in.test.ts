import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  copyImage,
  createRegistry,
  type LoginSource,
  pullScope,
  resolveImage,
  toImageError,
} from '../../../../src/deployments/images/registry/index.ts'
import { createOutgoing } from '../../../../src/platform/network/outgoing.ts'
import { type DockerRegistry, missing, startDockerRegistry } from './docker-registry.ts'
import { inspect, pullAll, pushed } from './images.ts'
import { startRegistryProxy } from './registry-proxy.ts'
import { creds, startTokenServer } from './token-server.ts'

const signal = AbortSignal.timeout(120_000)
const dispatcher = createOutgoing()
const text = { creds: `${creds.username}:${creds.password}` }
const login: LoginSource = async () => creds

describe.skipIf(missing !== undefined)('a registry that requires tokens', () => {
  let tokens: Awaited<ReturnType<typeof startTokenServer>>
  let real: DockerRegistry
  let way: Awaited<ReturnType<typeof startRegistryProxy>>
  beforeAll(async () => {
    tokens = await startTokenServer({ publicRepository: 'open/app' })
    real = await startDockerRegistry({ tokens: tokens.auth })
    way = await startRegistryProxy(real.port)
    await pushed([{ layers: [300_000, 10] }], `${real.host}/private/app:one`, text)
    await pushed([{ layers: [100] }], `${real.host}/open/app:one`, text)
  })
  afterAll(async () => {
    await dispatcher.destroy()
    await way?.stop()
    await real?.stop()
    await tokens?.stop()
  })
  beforeEach(() => {
    way.reset()
    tokens.issued.length = 0
    tokens.expireAfter(300)
  })

  const client = (source?: LoginSource) => createRegistry({ host: way.host, dispatcher, login: source })

  test('is asked for one token per scope and returns the same image as to skopeo', async () => {
    const registry = client(login)
    const { image } = await resolveImage({ registry, repository: 'private/app' }, 'one', signal)
    await copyImage({
      source: { registry, repository: 'private/app' },
      destination: { registry, repository: 'copies/app', tag: 'dep-1' },
      ...{ image, signal },
    })
    const before = await inspect(`${real.host}/private/app:one`, text)
    expect(await inspect(`${real.host}/copies/app:dep-1`, text)).toEqual(before)
    await pullAll(`${real.host}/copies/app:dep-1`, text)
    const ours = tokens.issued.slice(0, 3).map((scopes) => scopes.join(' '))
    expect(ours).toEqual([
      'repository:private/app:pull',
      'repository:copies/app:pull,push',
      // To mount, both are needed in one token.
      'repository:copies/app:pull,push repository:private/app:pull',
    ])
    const pings = way.calls.filter(({ path }) => path === '/v2/')
    expect(pings).toHaveLength(1)
  })

  test('serves public images without credentials, and no others', async () => {
    const registry = client()
    const { digest } = await resolveImage({ registry, repository: 'open/app' }, 'one', signal)
    expect(digest).toBe((await inspect(`${real.host}/open/app:one`)).digest)
    const refused = resolveImage({ registry, repository: 'private/app' }, 'one', signal)
    await expect(refused).rejects.toMatchObject({ status: 401 })
    expect(toImageError(await refused.catch((error: unknown) => error))).toMatchObject({
      code: 'DEPLOY_003',
      retryable: false,
      options: { suggestedAction: expect.stringContaining('pull secret') },
    })
  })

  test('refuses a wrong password, which appears in no message', async () => {
    const registry = client(async () => ({ username: 'puller', password: 'not-the-password' }))
    const refused = registry.ping(signal, [pullScope('private/app')])
    const error = toImageError(await refused.catch((fault: unknown) => fault)) as Error
    expect(error).toMatchObject({ code: 'DEPLOY_003', retryable: false })
    expect(`${error.message} ${JSON.stringify(error)}`).not.toContain('not-the-password')
  })

  test('has its tokens renewed before and after they expire', async () => {
    tokens.expireAfter(1)
    const registry = client(login)
    const place = { registry, repository: 'private/app' }
    await resolveImage(place, 'one', signal)
    expect(tokens.issued).toHaveLength(1)
    // The token is thrown away: as if it had ended on the way.
    let refused = 0
    way.decide(({ path }) =>
      path.includes('/manifests/') && refused++ === 0
        ? {
            kind: 'answer',
            status: 401,
            headers: {
              'www-authenticate': `Bearer realm="${tokens.auth.realm}",service="${tokens.auth.service}",scope="repository:private/app:pull",error="invalid_token"`,
            },
          }
        : undefined,
    )
    await resolveImage(place, 'one', signal)
    expect(tokens.issued.length).toBeGreaterThan(1)
    expect(refused).toBeGreaterThan(1)
  })

  test('may require the password on every call; a rejected one is replaced', async () => {
    const asked: boolean[] = []
    const registry = client(async (renew) => {
      asked.push(renew)
      return { username: 'v1', password: renew ? 'new' : 'old' }
    })
    const good = `Basic ${Buffer.from('v1:new').toString('base64')}`
    way.decide(({ headers }) =>
      headers.authorization === good
        ? { kind: 'answer', status: 200, body: '{}' }
        : { kind: 'answer', status: 401, headers: { 'www-authenticate': 'Basic realm="managed"' } },
    )
    await registry.ping(signal)
    expect(asked).toEqual([false, true])
  })

  test('never receives the password without TLS', async () => {
    way.decide(() => ({
      kind: 'answer',
      status: 401,
      headers: { 'www-authenticate': 'Bearer realm="http://192.0.2.1/token",service="x"' },
    }))
    await expect(client(login).ping(signal)).rejects.toThrow(/not https/)
  })
})
