import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogger } from '../../../src/platform/logging/logging.ts'
import { secrets, sha, startTracker, type Tracker } from '../harness.ts'

describe('badges', () => {
  let tracker: Tracker
  const written: string[] = []
  beforeAll(async () => {
    // As the processes log, but into an array.
    const log = createLogger({ level: 'debug', process: 'test' })
    const stream = pino.symbols.streamSym
    Object.assign(log, { [stream]: { write: (line: string) => void written.push(line) } })
    tracker = await startTracker({ env: { MODE: 'master' }, log })
    const put = async (namespace: string, workload: string, tag: string) => {
      const body = { image_tag: tag, image_sha: sha(tag), client_name: 'acme', env_name: 'prod' }
      expect((await tracker.put(`${namespace}/Deployment/${workload}/app`, body)).status).toBe(200)
    }
    await put('shop', 'web', '1.2.3')
    await put('shop', 'twice', '1')
    await put('ops', 'twice', '2')
  })
  afterAll(() => tracker?.stop())

  const badge = (path: string, key = secrets.admin, headers: Record<string, string> = {}) =>
    tracker.api.call(`/badges/${key}/acme/prod/Deployment/${path}`, { headers })
  const said = (text: string) => /<title>([^<]*)<\/title>/.exec(text)?.[1]
  async function token(scope: object): Promise<{ id: string; token: string }> {
    const answer = await tracker.call('/api/badges/tokens', { json: scope })
    expect(answer.status).toBe(201)
    return answer.json
  }
  const component = {
    ...{
      client_name: 'acme',
      env_name: 'prod',
      workload_kind: 'Deployment',
      workload_name: 'web',
      container_name: 'app',
    },
  }

  it.each([
    ['web/app', 'prod: 1.2.3', '#4c1'],
    ['nothing/app', 'prod: not deployed', '#9f9f9f'],
    ['twice/app', 'prod: multiple found', '#dfb317'],
    ['twice/app?namespace=ops', 'prod: 2', '#4c1'],
    ['web/app?label=Production', 'Production: 1.2.3', '#4c1'],
  ])('%s says %s', async (path, text, color) => {
    const { status, headers, text: svg } = await badge(path)
    expect(status).toBe(200)
    expect(headers.get('content-type')).toContain('image/svg+xml')
    expect(said(svg)).toBe(text)
    expect(svg).toContain(color)
  })

  it.each([
    ['Deploymnet/web/app', 'invalid request', 'kind'],
    ['deployment/web/app', 'invalid request', 'kind'],
    ['De-ployment/web/app', 'invalid request', 'kind'],
    ['Deployment.app/web/app', 'invalid request', 'kind'],
    ['Deployment/Web_1/app', 'invalid request', 'workload'],
    ['Deployment/web/App.json', 'invalid request', 'container'],
    ['Deployment/web/app?namespace=Not+one', 'invalid request', 'namespace'],
    ['StatefulSet/web/app', 'not deployed', undefined],
    ['Deployment.apps/nothing/app', 'not deployed', undefined],
    ['Rollout/web/app', 'not deployed', undefined],
    ['Widget.example.org/web/app', 'not deployed', undefined],
    ['Deployment/web/app?namespace=nowhere', 'not deployed', undefined],
  ])('%s: shows "%s", and the invalid part in a header', async (path, message, part) => {
    const address = `/badges/${secrets.admin}/acme/prod/${path}`
    const asJson = await tracker.api.call(
      path.includes('.json') ? address : address.replace(/app(?=\?|$)/, 'app.json'),
    )
    const isError = part !== undefined
    expect(asJson.json).toMatchObject({ message, isError, color: isError ? '#e05d44' : '#9f9f9f' })
    const problem = asJson.headers.get('capstan-badge-problem')
    expect(problem?.split(':')[0]).toBe(part)
    if (path.includes('.json')) return
    const image = await tracker.api.call(address)
    expect([image.status, said(image.text)]).toEqual([200, `prod: ${message}`])
    expect(image.headers.get('capstan-badge-problem')).toBe(problem)
  })

  it('accept a custom kind once it was recorded for the client, and only for that client', async () => {
    const body = { image_tag: '1', image_sha: sha('1'), client_name: 'acme', env_name: 'prod' }
    const kindOf = async (client: string) =>
      said((await tracker.api.call(`/badges/${secrets.admin}/${client}/prod/Widget/other/app`)).text)
    expect(await kindOf('acme')).toBe('prod: invalid request')
    expect((await tracker.put('shop/Widget/turning/app', body)).status).toBe(200)
    expect(await kindOf('acme')).toBe('prod: not deployed')
    expect(await kindOf('other')).toBe('prod: invalid request')
  })

  it('check access before the address', async () => {
    const at = (key: string) => tracker.api.call(`/badges/${key}/acme/prod/Deploymnet/web/app`)
    expect(said((await at('not-a-key')).text)).toBe('prod: unauthorized')
    expect(said((await at(secrets.other)).text)).toBe('prod: access denied')
  })

  it('are refused by their text, with a picture', async () => {
    const { status, text } = await badge('web/app', 'not-a-key')
    expect([status, said(text)]).toEqual([200, 'prod: unauthorized'])
    expect(text).toContain('#e05d44')
  })

  it('escape what is in their address', async () => {
    const { text } = await tracker.api.call(`/badges/${secrets.admin}/acme/%3Cscript%3E/Deployment/web/app`)
    expect(text).not.toContain('<script>')
    expect(text).toContain('&lt;script&gt;')
  })

  it('are available as JSON for shields’ endpoint badge', async () => {
    const { headers, json } = await badge('web/app.json')
    expect(headers.get('content-type')).toContain('application/json')
    expect(json).toEqual({ schemaVersion: 1, label: 'prod', message: '1.2.3', color: '#4c1', isError: false })
  })

  it('are drawn in other styles', async () => {
    const texts = await Promise.all(
      ['flat', 'plastic', 'for-the-badge'].map((style) => badge(`web/app?style=${style}`)),
    )
    expect(new Set(texts.map(({ text }) => text)).size).toBe(3)
    expect((await badge('web/app?style=nonsense')).text).toBe(texts[0]?.text)
  })

  it('allow caching for a minute, and answer 304 while they are unchanged', async () => {
    const first = await badge('web/app')
    const etag = first.headers.get('etag') ?? ''
    expect(first.headers.get('cache-control')).toBe('max-age=60')
    expect(first.headers.get('cross-origin-resource-policy')).toBe('cross-origin')
    const again = await badge('web/app', secrets.admin, { 'if-none-match': etag })
    expect([again.status, again.text]).toEqual([304, ''])
    expect((await badge('web/app', secrets.admin, { 'if-none-match': '"other"' })).status).toBe(200)
  })

  it('show a write in the next request', async () => {
    const body = { image_tag: '2.0.0', image_sha: sha('2.0.0'), client_name: 'acme', env_name: 'prod' }
    await tracker.put('shop/Deployment/web/app', body)
    expect(said((await badge('web/app')).text)).toBe('prod: 2.0.0')
  })

  it('open with a token for one component, until it is revoked', async () => {
    const { id, token: secret } = await token(component)
    expect(said((await badge('web/app', secret)).text)).toBe('prod: 2.0.0')
    expect(said((await badge('twice/app', secret)).text)).toBe('prod: access denied')
    expect(
      (await tracker.call('/api/releases/current?client_name=acme&env_name=prod', { token: secret })).status,
    ).toBe(401)
    expect(
      (await tracker.call(`/api/badges/tokens/${id}`, { method: 'DELETE', token: secrets.other })).status,
    ).toBe(404)
    expect(
      (await tracker.call(`/api/badges/tokens/${id}`, { method: 'DELETE', token: secrets.acme })).status,
    ).toBe(200)
    expect(said((await badge('web/app', secret)).text)).toBe('prod: unauthorized')
  })

  it('are cached for a moment, until any process writes', async () => {
    const { db } = tracker.ctx
    const wide = (await token({ client_name: 'acme' })).token
    // A machine that takes more than a second from one request to the next has to try again.
    await expect
      .poll(async () => {
        await badge('twice/app', wide)
        await db.raw('alter table tracker_badge_tokens rename to away')
        const { text } = await badge('twice/app', wide)
        await db.raw('alter table away rename to tracker_badge_tokens')
        return said(text)
      })
      .toBe('prod: multiple found')
    // As another process would.
    await db('tracker_badge_tokens').where({ client_name: 'acme', workload: null }).delete()
    await expect.poll(async () => said((await badge('twice/app', wide)).text)).toBe('prod: unauthorized')
  })

  it('open with a token for one namespace only there, and with a client’s everywhere in it', async () => {
    const narrow = (await token({ ...component, workload_name: 'twice', namespace: 'ops' })).token
    expect(said((await badge('twice/app', narrow)).text)).toBe('prod: access denied')
    expect(said((await badge('twice/app?namespace=ops', narrow)).text)).toBe('prod: 2')
    const wide = (await token({ client_name: 'acme' })).token
    expect(said((await badge('twice/app?namespace=shop', wide)).text)).toBe('prod: 1')
  })

  it('list their tokens without the tokens', async () => {
    const { tokens } = await tracker.get('/api/badges/tokens?client_name=acme')
    expect(tokens.length).toBeGreaterThan(1)
    expect(JSON.stringify(tokens)).not.toContain('obt_')
    const rows = await tracker.ctx.db('tracker_badge_tokens')
    expect(JSON.stringify(rows)).not.toContain('obt_')
    const half = await tracker.call('/api/badges/tokens', { json: { client_name: 'acme', env_name: 'prod' } })
    expect(half.status).toBe(400)
  })

  it('leave no key and no token in any line of the log', async () => {
    const { token: secret } = await token(component)
    const place = `/${secret}/acme/prod/Deployment/web/app`
    const paths = [
      `/badges${place}`,
      `/badges${place}/more`,
      `/badges${place}%`,
      `/badge${place}`,
      `/badges/%zz/${secrets.acme}`,
    ]
    for (const path of [
      ...paths,
      `/badges/${secrets.acme}/other/prod/Deployment/web/app`,
      `/api/collect/${secrets.acme}`,
    ])
      await tracker.api.call(path, {
        headers: { referer: `http://wiki/badges/${secret}`, 'x-api-key': secrets.reader },
      })
    // The log line of a failed query must not contain the key either.
    const { ctx } = tracker
    await ctx.db.raw('alter table tracker_badge_tokens rename to gone')
    const unknown = `obt_${'x'.repeat(43)}`
    expect(said((await badge('web/app', unknown)).text)).toBe('prod: query error')
    await ctx.db.raw('alter table gone rename to tracker_badge_tokens')
    const log = written.join('')
    expect(log).toContain('"msg":"request"')
    expect(log).toContain('Could not read the state of a badge')
    for (const each of [...Object.values(secrets), secret]) expect(log).not.toContain(each)
    expect(log).not.toContain('obt_')
  })
})
