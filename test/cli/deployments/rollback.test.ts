import { describe, expect, test } from 'vitest'
import { deploymentApi, deploymentId, json, refusal, startFakeApi, wrapped } from '../fake-api.ts'
import { capstan } from '../run.ts'

const at = (api: { url: string }) => ({ CAPSTAN_URL: `${api.url}/`, CAPSTAN_TOKEN: 'ora_x' })

const earlier = '22222222-2222-4333-8444-555555555555'
const version = '33333333-2222-4333-8444-555555555555'
const made = '2026-01-01T00:00:00.000Z'

const whole = { percentage: 100, available: true }
const idle = { percentage: null, available: true }
const versions = {
  versions: [
    { id: 'v-2', deploymentId, createdAt: made, state: 'serving', digest: 'd', ...whole },
    { id: version, deploymentId: earlier, createdAt: made, state: 'previous', digest: 'e', ...idle },
  ],
  servingUnknown: null,
  rollback: {
    ...{ deploymentId, available: true, targetVersion: version, targetDeployment: earlier },
    ...{ reason: null, serves: false, suggestedAction: null },
  },
}
const serves = {
  ...versions,
  rollback: {
    ...{ deploymentId, available: false, targetVersion: 'v-2', targetDeployment: earlier, serves: true },
    ...{ reason: 'Version v-2 already serves', suggestedAction: 'capstan rollback my-app --to x' },
  },
}
const foreign = '44444444-2222-4333-8444-555555555555'
const outcome = {
  ...{ deploymentId, targetVersion: version, targetDeployment: earlier, servingUnknown: null },
  replaces: [{ version: foreign, percentage: 100, deploymentId: null, madeBy: 'outside' }],
  willNotUndo: [
    'Data stays',
    'The secret TOKEN returns',
    'To delete the data, DELETE /deploy/apps/my-app/staging',
  ],
  estimatedTime: 12,
}
const { error: nothingToDo } = refusal(
  'STATE_001',
  'Version v-2 already serves: there is nothing to roll back',
)
const servesAlready = {
  error: { ...nothingToDo, details: { ...nothingToDo.details, serves: true, targetVersion: 'v-2' } },
}
const started = { ...outcome, rollbackId: 'job', logsAfter: 3 }

function api(apps: string[], answer: object = versions, change: object = {}) {
  const deployment = deploymentApi('rolled_back')
  return startFakeApi((asked, res) => {
    const list = apps.map((environment) => ({ appName: 'my-app', environment }))
    if (asked.path === '/deploy/apps') return json(res, 200, wrapped({ apps: list }))
    if (asked.path.endsWith('/versions')) return json(res, 200, wrapped(answer))
    if (/rollback\?targetVersion=missing$/.test(asked.path))
      return json(res, 404, refusal('SYS_005', 'Version not found'))
    if (/rollback\?targetVersion=serving$/.test(asked.path)) return json(res, 409, servesAlready)
    if (/\/rollback(\?.*)?$/.test(asked.path)) {
      if (asked.method === 'GET') return json(res, 200, wrapped({ ...outcome, running: false, ...change }))
      return json(res, 202, wrapped({ ...started, ...change }))
    }
    return deployment(asked, res)
  })
}

const question = 'Roll back my-app in staging?'
const sent = (of: Awaited<ReturnType<typeof api>>) => of.asked.filter(({ method }) => method === 'POST')

describe('capstan rollback', () => {
  test('names the last good version, asks for confirmation, and shows only the log of the rollback', async () => {
    const service = await api(['staging'])
    const { code, out } = await capstan(['rollback', 'my-app', '--reason', 'slow'], {
      env: at(service),
      answers: { [question]: 'y' },
    })
    expect(code).toBe(0)
    expect(out).toContain(`to version ${version} of the deployment ${earlier}, made at ${made}`)
    expect(out).toContain('  Data stays\n')
    expect(out).toContain('  To delete the data, capstan deploy delete my-app --environment staging\n')
    expect(out.match(/The secret TOKEN returns/g)).toHaveLength(1)
    expect(sent(service)).toMatchObject([
      { path: '/deploy/apps/my-app/staging/rollback', body: { targetVersion: version, reason: 'slow' } },
    ])
    expect(sent(service)[0]?.headers['idempotency-key']).toBeDefined()
    const stream = service.asked.find(({ path }) => path.endsWith('/logs'))
    expect(stream?.headers['last-event-id']).toBe('3')
    // Events 1 to 3 belong to the deployment itself.
    expect(out).not.toContain('slow \u001b')
    expect(out).not.toContain('today')
    expect(out).toMatch(/\): rolled back\n$/)
  })

  test('shows the replaced version and the returning secrets before it asks for confirmation', async () => {
    const service = await api(['staging'])
    const no = await capstan(['rollback', 'my-app'], { env: at(service), answers: { [question]: 'n' } })
    expect(no.out).toContain(`  Replaces version ${foreign}, made outside Capstan\n`)
    expect(no.out).toContain('  The secret TOKEN returns\n')
    expect(sent(service)).toEqual([])
  })

  test('checks the version of --to before it prints anything', async () => {
    const service = await api(['staging'])
    const args = ['rollback', 'my-app', '--yes', '--to', 'missing']
    const { code, out, err } = await capstan(args, { env: at(service) })
    expect([code, out, err]).toEqual([2, '', expect.stringContaining('Version not found')])
    expect(sent(service)).toEqual([])
  })

  test('ends with 0 if it restores the version of the newest deployment', async () => {
    const own = { targetVersion: 'v-2', targetDeployment: deploymentId }
    const service = await api(['staging'], versions, own)
    const deployment = deploymentApi('completed')
    const answer = await startFakeApi((asked, res) =>
      asked.path.endsWith('/status') || asked.path.endsWith('/logs')
        ? deployment(asked, res)
        : json(res, 200, wrapped({ ...versions, ...started, ...own, running: false })),
    )
    const args = ['rollback', 'my-app', '--environment', 'staging', '--yes']
    const { code, out } = await capstan(args, { env: at(answer) })
    expect([code, out]).toEqual([0, expect.stringContaining('version v-2 serves again')])
    // The other service reports the deployment as rolled back, which is a failure here.
    expect((await capstan(args, { env: at(service) })).code).toBe(1)
  })

  test('does not claim that a version serves if the cloud could not be read', async () => {
    const reason = 'Cloudflare could not be asked which version serves: no answer within 5 s'
    const rollback = { ...versions.rollback, available: false, targetVersion: null, serves: false, reason }
    const service = await api(['staging'], { ...versions, servingUnknown: reason, rollback })
    const { code, out } = await capstan(['rollback', 'my-app', '--yes'], { env: at(service) })
    expect([code, out]).toEqual([2, `${reason}\n`])
    expect(sent(service)).toEqual([])
    const list = await capstan(['versions', 'my-app'], { env: at(service) })
    expect([list.code, list.err]).toEqual([1, expect.stringContaining(reason)])
    expect(list.out).toContain('serving (by the record)')
  })

  test.each([
    ['SYS_002', 3, 3],
    ['STATE_003', 2, 1],
  ])(
    'ends with the exit code of %s if the cloud could not be read',
    async (errorCode, rolledBack, listed) => {
      const reason = 'Cloudflare could not be asked which version serves: no answer within 5 s'
      const rollback = {
        ...versions.rollback,
        available: false,
        targetVersion: null,
        reason,
        code: errorCode,
      }
      const service = await api(['staging'], { ...versions, servingUnknown: reason, rollback })
      expect((await capstan(['rollback', 'my-app', '--yes'], { env: at(service) })).code).toBe(rolledBack)
      expect((await capstan(['versions', 'my-app'], { env: at(service) })).code).toBe(listed)
      expect(sent(service)).toEqual([])
    },
  )

  test.each([
    ['Ctrl-C', '\x03', 130, ''],
    ['Ctrl-D', '\x04', 2, 'No answer; nothing was changed.'],
    ['Enter', '\r', 2, 'Nothing was rolled back.'],
  ])('changes nothing after %s at the question', async (_, keys, exitCode, message) => {
    const service = await api(['staging'])
    const { code, err } = await capstan(['rollback', 'my-app'], { env: at(service), keys })
    expect(code).toBe(exitCode)
    expect(err).toContain(question)
    expect(err).toContain(message)
    expect(err).not.toMatch(/error|\n *at /)
    expect(sent(service)).toEqual([])
  })

  test.each(['--env', '--environment'])('takes the environment from %s', async (option) => {
    const service = await api(['staging', 'production'])
    const args = ['rollback', 'my-app', option, 'production', '--yes']
    expect((await capstan(args, { env: at(service) })).code).toBe(0)
    expect(sent(service)).toMatchObject([{ path: '/deploy/apps/my-app/production/rollback' }])
  })

  test('changes nothing without confirmation, and requires --yes without a terminal', async () => {
    const service = await api(['staging'])
    const no = await capstan(['rollback', 'my-app'], { env: at(service), answers: { [question]: 'n' } })
    expect([no.code, no.err]).toEqual([2, 'Nothing was rolled back.\n'])
    const silent = await capstan(['rollback', 'my-app'], { env: at(service) })
    expect([silent.code, silent.err]).toEqual([2, expect.stringContaining('--yes')])
    expect(sent(service)).toEqual([])
    expect((await capstan(['rollback', 'my-app', '--yes'], { env: at(service) })).code).toBe(0)
  })

  test('requires the environment only if the app is deployed to both', async () => {
    const service = await api(['staging', 'production'])
    const unclear = await capstan(['rollback', 'my-app', '--yes'], { env: at(service) })
    expect([unclear.code, unclear.err]).toEqual([2, expect.stringContaining('--environment')])
    for (const option of ['--environment', '--env']) {
      const args = ['rollback', 'my-app', option, 'production', '--yes', '--to', earlier]
      expect((await capstan(args, { env: at(service) })).code).toBe(0)
      expect(sent(service).at(-1)).toMatchObject({
        path: '/deploy/apps/my-app/production/rollback',
        body: { targetVersion: earlier },
      })
    }
    const wrong = await capstan(['rollback', 'my-app', '--environment', 'test', '--yes'], {
      env: at(service),
    })
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('staging or production')])
  })

  test('changes nothing if the last good version serves, and names the command for an older one', async () => {
    const service = await api(['staging'], serves)
    const { code, out } = await capstan(['rollback', 'my-app', '--yes'], { env: at(service) })
    expect([code, out]).toEqual([0, 'Version v-2 already serves\ncapstan rollback my-app --to x\n'])
    expect(sent(service)).toEqual([])
  })

  test.each([
    ['rollback', 'my-app', '--yes', '--to', 'serving'],
    ['deploy', 'rollback', 'serving', '--yes'],
  ])('changes nothing and ends with 0 if the named version serves: %s %s', async (...args) => {
    const service = await api(['staging'])
    const { code, out, err } = await capstan(args, { env: at(service) })
    expect([code, out, err]).toEqual([0, 'Version v-2 already serves: there is nothing to roll back\n', ''])
    expect(sent(service)).toEqual([])
    const document = await capstan([...args, '--json'], { env: at(service) })
    expect(JSON.parse(document.out)).toMatchObject({ app: 'my-app', serves: true, targetVersion: 'v-2' })
  })

  test.each([
    ['undoes the newest deployment', deploymentId, version],
    ['restores an earlier good deployment', earlier, earlier],
  ])('%s when called as deploy rollback ID', async (_, id, targetVersion) => {
    const service = await api(['staging'])
    const { code } = await capstan(['deploy', 'rollback', id, '--yes'], { env: at(service) })
    expect(code).toBe(0)
    expect(sent(service)[0]).toMatchObject({
      path: '/deploy/apps/my-app/staging/rollback',
      body: { targetVersion },
    })
  })
})

describe('capstan versions', () => {
  test('lists the versions of an app with their deployments, and the command that restores one', async () => {
    const service = await api(['staging'])
    const { code, out } = await capstan(['versions', 'my-app'], { env: at(service) })
    expect(code).toBe(0)
    expect(out).toMatch(new RegExp(`previous +${earlier} +${version} +${made}`))
    expect(out).toContain('capstan rollback my-app --environment staging')
    const outside = { id: foreign, deploymentId: null, createdAt: null, state: 'serving', percentage: 10 }
    const mixed = [
      { ...outside, available: true },
      { ...versions.versions[0], percentage: 90 },
    ]
    const other = await api(['staging'], { ...versions, versions: mixed })
    const { out: shares } = await capstan(['versions', 'my-app'], { env: at(other) })
    expect(shares).toMatch(new RegExp(`serving 10 % +made outside Capstan +${foreign} +-`))
    expect(shares).toContain('serving 90 %')
    const document = await capstan(['versions', 'my-app', '--json'], { env: at(service) })
    expect(JSON.parse(document.out).versions).toHaveLength(2)
  })

  test.each([
    [
      'the target of the rollback',
      {},
      `To go back: capstan rollback my-app --environment staging --to ${earlier}`,
    ],
    ['the suggested command', { available: false, suggestedAction: 'To go back: x' }, 'To go back: x'],
    ['the reason', { available: false, reason: 'The Worker was deleted' }, 'The Worker was deleted'],
  ])('ends with %s, and advertises no rollback that is refused', async (_, change, line) => {
    const service = await api(['staging'], { ...versions, rollback: { ...versions.rollback, ...change } })
    const { code, out } = await capstan(['versions', 'my-app'], { env: at(service) })
    expect([code, out.trimEnd().split('\n').slice(3)]).toEqual([0, [line]])
  })

  test('is refused for an app that was never deployed to the named environment', async () => {
    const service = await startFakeApi((_asked, res) => json(res, 404, refusal('SYS_005', 'App not found')))
    const args = ['versions', 'nosuch', '--environment', 'staging']
    const { code, out, err } = await capstan(args, { env: at(service) })
    expect([code, out, err]).toEqual([2, '', expect.stringContaining('No app nosuch is deployed to staging')])
  })

  test('fails for an app that is not deployed', async () => {
    const service = await api([])
    const { code, err } = await capstan(['versions', 'my-app'], { env: at(service) })
    expect([code, err]).toEqual([2, expect.stringContaining('No app my-app')])
  })
})
