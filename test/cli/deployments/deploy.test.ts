import { describe, expect, test } from 'vitest'
import { deploymentApi, deploymentId, json, refusal, startFakeApi, wrapped } from '../fake-api.ts'
import { folderWith } from '../folder.ts'
import { capstan } from '../run.ts'

const app = () => folderWith({ 'index.js': 'export default {}' })
const at = (api: { url: string }) => ({ CAPSTAN_URL: `${api.url}/`, CAPSTAN_TOKEN: 'ora_x' })

describe('capstan deploy', () => {
  test('shows the plan, follows the steps and prints the address of the app', async () => {
    const api = await startFakeApi(deploymentApi('completed'))
    const { code, out, err } = await capstan(
      ['deploy', app(), '--yes', '--max-retries', '0', '--no-rollback'],
      {
        env: at(api),
      },
    )
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toMatch(/create +durable object +Counter/)
    expect(out).toContain('Reversible: no (deletes the class Old and its data)')
    const steps = out.slice(out.indexOf('> '))
    expect(steps.split('\n')).toEqual([
      '> Running health check',
      '    warn: slow [31m today',
      '+ Running health check: done, 12 s',
      'my-app (staging): completed after 20 s',
      '  http://my-app-staging.localhost:8787',
      "  curl -H 'Host: my-app-staging.localhost:8787' http://127.0.0.1:8787/",
      '',
    ])
    const [prepare, deploy] = api.asked
    expect(prepare?.headers.authorization).toBe('Bearer ora_x')
    expect(prepare?.headers['idempotency-key']).not.toBe(deploy?.headers['idempotency-key'])
    expect(deploy?.body).toEqual({
      deploymentId,
      environment: 'staging',
      options: { rollbackOnFailure: false, maxRetries: 0 },
    })
  })

  test.each(['failed', 'rolled_back', 'rollback_failed', 'cancelled'])(
    'ends with 1 if the deployment is %s',
    async (status) => {
      const error = { code: 'DEPLOY_006', message: 'did not become healthy' }
      const api = await startFakeApi(deploymentApi(status, error))
      const { code, out } = await capstan(['deploy', app(), '--yes'], { env: at(api) })
      expect(code).toBe(1)
      expect(out).toContain(`my-app (staging): ${status.replace('_', ' ')} after 20 s`)
      expect(out).toContain('did not become healthy [DEPLOY_006]\n  Check the health path')
    },
  )

  test('--summary refuses a file that cannot be written before it asks the service', async () => {
    const api = await startFakeApi(deploymentApi('completed'))
    const file = `${app()}/none/summary.md`
    const { code, err } = await capstan(['deploy', app(), '--yes', '--summary', file], { env: at(api) })
    expect([code, err]).toEqual([2, `error: The summary cannot be written to ${file} (ENOENT)\n`])
    expect(api.asked).toEqual([])
  })

  test('ends with 2 if prepare refuses the plan, and names the fields', async () => {
    const fields = [{ path: 'config.durableObjects', problem: 'the class Counter holds data' }]
    const api = await startFakeApi((_asked, res) => json(res, 400, refusal('REQ_002', 'Not valid', fields)))
    const { code, out, err } = await capstan(['deploy', app(), '--yes'], { env: at(api) })
    expect([code, out]).toEqual([2, ''])
    expect(err).toBe(
      'error: Not valid [REQ_002]\n  --do: the class Counter holds data\n  Do otherwise\n  correlation id: c-1\n',
    )
    expect(api.asked).toHaveLength(1)
  })

  test('repeats a request without an answer with the same key', async () => {
    const answer = deploymentApi('completed')
    const api = await startFakeApi((asked, res) => {
      const posts = api.asked.filter((each) => each.path === '/deploy')
      if (asked.path === '/deploy' && posts.length === 1) return void res.destroy()
      if (asked.path === '/deploy' && posts.length === 2)
        return json(res, 409, refusal('REQ_007', 'in flight'))
      answer(asked, res)
    })
    expect((await capstan(['deploy', app(), '--yes'], { env: at(api) })).code).toBe(0)
    const keys = api.asked
      .filter((each) => each.path === '/deploy')
      .map((each) => each.headers['idempotency-key'])
    expect(keys).toHaveLength(3)
    expect(new Set(keys).size).toBe(1)
  })

  test.each(['--env', '--environment'])('deploys to the environment that %s names', async (option) => {
    const api = await startFakeApi(deploymentApi('completed'))
    expect((await capstan(['deploy', app(), option, 'production', '--yes'], { env: at(api) })).code).toBe(0)
    expect(api.asked.find(({ path }) => path === '/deploy/prepare')?.body.environment).toBe('production')
    const list = await startFakeApi((_, res) =>
      json(res, 200, wrapped({ deployments: [], nextCursor: null })),
    )
    await capstan(['deploy', 'list', option, 'production'], { env: at(list) })
    expect(list.asked[0]?.path).toBe('/deploy?environment=production&limit=20')
  })

  test('asks for confirmation, and deploys nothing without it', async () => {
    const api = await startFakeApi(deploymentApi('completed'))
    const run = (answer: string) =>
      capstan(['deploy', app()], { env: at(api), answers: { 'Deploy my-app to staging?': answer } })
    expect(await run('')).toMatchObject({ code: 2, err: 'Nothing was deployed.\n' })
    expect(api.asked.map((each) => each.path)).toEqual(['/deploy/prepare'])
    expect((await run('y')).code).toBe(0)
  })

  test('requires --yes without a terminal, before it calls the API', async () => {
    const api = await startFakeApi(deploymentApi('completed'))
    const { code, err } = await capstan(['deploy', app()], { env: at(api) })
    expect([code, api.asked.length]).toEqual([2, 0])
    expect(err).toContain('--yes')
  })

  test('prints one document on standard output with --json', async () => {
    const api = await startFakeApi(deploymentApi('completed'))
    const done = await capstan(['deploy', app(), '--yes', '--json'], { env: at(api) })
    expect(JSON.parse(done.out)).toMatchObject({
      status: 'completed',
      deploymentId,
      plan: { digest: 'sha256:aa' },
    })
    expect(done.err).toContain('> Running health check')
    const held = refusal('STATE_001', 'Held')
    Object.assign(held.error.details, {
      deploymentId: 'd-1',
      checks: { quotas: 'fail' },
      reasons: ['it is held', 'it is Monday'],
    })
    const refusing = await startFakeApi((_asked, res) => json(res, 409, held))
    const refused = await capstan(['deploy', app(), '--yes', '--json'], { env: at(refusing) })
    expect(JSON.parse(refused.out)).toMatchObject({ error: { code: 'STATE_001', message: 'Held' } })
    expect(refused.err).toContain(
      '  deploymentId: d-1\n  checks: quotas fail\n  reasons: it is held, it is Monday\n',
    )
  })

  test('names the skipped files', async () => {
    const api = await startFakeApi(deploymentApi('completed'))
    const folder = folderWith({ 'index.js': '', 'tsconfig.json': '', 'b.ts': '' })
    const { err } = await capstan(['deploy', folder, '--yes'], { env: at(api) })
    expect(err).toBe('note: left out, as no module of a Worker: b.ts, tsconfig.json\n')
  })
})

describe('capstan deploy watch and list', () => {
  test('accept their options', async () => {
    const api = await startFakeApi(deploymentApi('rolled_back'))
    const watched = await capstan(['deploy', 'watch', deploymentId, '--json'], { env: at(api) })
    expect(watched.code).toBe(1)
    expect(JSON.parse(watched.out)).toMatchObject({ status: 'rolled_back' })

    const row = {
      deploymentId,
      appName: 'a',
      environment: 'staging',
      status: 'failed',
      createdAt: 't',
      error: null,
    }
    const list = await startFakeApi((_asked, res) =>
      json(res, 200, wrapped({ deployments: [row], nextCursor: 'x' })),
    )
    const args = ['deploy', 'list', '--app', 'a', '--env', 'staging', '--status', 'failed', '--limit', '1']
    const listed = await capstan(args, { env: at(list) })
    expect(listed.out).toContain(`${deploymentId}  a    staging      failed  t`)
    expect(list.asked[0]?.path).toBe('/deploy?app=a&environment=staging&status=failed&limit=1')
    const listing = await capstan([...args, '--json'], { env: at(list) })
    expect([JSON.parse(listing.out).nextCursor, listing.err]).toEqual(['x', ''])
  })

  test('do not hide a folder of the same name, written with ./', async () => {
    const { err } = await capstan(['deploy', './watch', '--yes'])
    expect(err).toBe('error: There is no file or folder ./watch\n')
  })
})
