import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { operationTable } from '../../client/src/generated/operations.ts'
import type { OperationId } from '../../client/src/index.ts'
import { type Asked, event, json, openStream, refusal, startFakeApi } from './fake-api.ts'
import { folderWith } from './folder.ts'
import { capstan } from './run.ts'
import { queryOf, sampleOf } from './sample-answers.ts'

const id = '11111111-2222-4333-8444-555555555555'
const component = ['default', 'Deployment', 'web', 'nginx']
const badge = ['acme', 'prod', 'Deployment', 'web', 'nginx']

/** The command that calls each operation, or the reason why none does. A new operation does not type-check without one. */
const commands: Record<OperationId, string[] | { none: string }> = {
  getOwnAccount: ['whoami'],
  changeOwnPassword: ['password'],
  signIn: ['login', '--username', 'ops'],
  signOut: ['login', '--username', 'ops'],
  createToken: ['tokens', 'create', 'ci', '--scope', 'jobs:read', '--expires', '30d'],
  listTokens: ['tokens', 'list'],
  revokeToken: ['tokens', 'revoke', id],
  listUsers: ['users', 'list', '--state', 'active'],
  getUser: ['users', 'show', id],
  createUser: ['users', 'add', 'ops', '--email', 'ops@example.org'],
  updateUser: ['users', 'edit', id, '--admin', '--rate', '5'],
  deactivateUser: ['users', 'remove', id],
  listUserTokens: ['users', 'tokens', id],
  revokeUserToken: ['users', 'revoke-token', id, id],

  listNodes: ['nodes', 'list', '--all'],
  getNode: ['nodes', 'show', '7'],
  addNode: ['nodes', 'add', 'Anvil', '192.0.2.1', '--port', '35998'],
  updateNode: ['nodes', 'edit', '7', '--state', 'inactive'],
  deactivateNode: ['nodes', 'remove', '7'],
  getNodeHistory: ['nodes', 'history', '7', '--since', '1d'],
  getBridgeStatus: ['bridge', 'status'],
  getBridgeStatusSummary: ['bridge', 'status', '--summary'],
  watchBridgeStatus: ['bridge', 'watch'],
  getBridgeStatistics: ['bridge', 'statistics', '--hours', '2'],
  getNetworkStatistics: ['bridge', 'networks'],
  getUptimeStatistics: ['bridge', 'uptime'],
  listMaintenanceWindows: ['windows', 'list'],
  createMaintenanceWindow: ['windows', 'add', '--to', '+2h', '--reason', 'update', '--node', '7'],
  deleteMaintenanceWindow: ['windows', 'remove', id],

  listClientEnvironments: ['tracker', 'environments'],
  getTrackerConfig: ['tracker', 'config'],
  listCurrentReleases: ['tracker', 'current', '--client', 'acme', '--env', 'prod'],
  getComponentHistory: ['tracker', 'history', 'acme', 'prod', 'default', 'web', 'nginx'],
  searchReleaseHistory: ['tracker', 'search', '--tag', '1.0.0'],
  compareEnvironments: ['tracker', 'compare', 'acme/prod', 'acme/test', '--all'],
  watchReleases: ['tracker', 'watch', '--client', 'acme'],
  startCollection: ['tracker', 'collect'],
  recordRelease: [
    'tracker',
    'record',
    ...component,
    '--tag',
    '1.0.0',
    '--digest',
    `sha256:${'a'.repeat(64)}`,
  ],
  listBadgeTokens: ['badges', 'list'],
  createBadgeToken: ['badges', 'create', 'acme'],
  revokeBadgeToken: ['badges', 'revoke', '7'],
  getBadge: ['badges', 'show', ...badge],

  listReleases: ['release', 'list'],
  getLatestRelease: ['release', 'latest'],
  getRelease: ['release', 'show', '1.0.0'],
  findUpdate: ['release', 'updates', '1.0.0', 'linux-amd64'],
  listSigningKeys: ['release', 'keys'],
  getReleaseSignature: ['release', 'signature', '1.0.0'],
  countReleaseDownloads: ['release', 'downloads', '1.0.0'],
  getDownloadLink: ['release', 'link', '1.0.0', 'linux-amd64'],
  getDraft: ['release', 'draft', '1.0.0'],
  discardDraft: ['release', 'discard', '1.0.0'],
  createDraft: ['release', 'publish', '.', '--version', '1.0.0'],
  requestUpload: { none: 'release publish calls it; test/binary-releases/commands.test.ts runs that' },
  publishRelease: { none: 'release publish calls it; test/binary-releases/commands.test.ts runs that' },
  promoteRelease: ['release', 'promote', '1.0.0'],
  yankRelease: ['release', 'yank', '1.0.0', '--reason', 'broken'],

  listJobs: ['jobs', 'list'],
  getJob: ['jobs', 'show', id],
  watchJob: ['jobs', 'watch', id],
  retryJob: ['jobs', 'retry', id],
  cancelJob: ['jobs', 'cancel', id],

  prepareDeployment: ['deploy', 'FOLDER', '--yes'],
  createDeployment: ['deploy', 'FOLDER', '--yes'],
  findMissingBlobs: {
    none: 'deploy calls it for wrangler projects; test/cli/wrangler/deploy.test.ts runs that',
  },
  uploadBlob: { none: 'deploy calls it for wrangler projects; test/cli/wrangler/deploy.test.ts runs that' },
  listDeployments: ['deploy', 'list'],
  getDeploymentStatus: ['deploy', 'show', id],
  readDeploymentLog: ['deploy', 'log', id],
  cancelDeployment: ['deploy', 'cancel', id],
  retryDeployment: ['deploy', 'retry', id],
  rollBackDeployment: {
    none: 'the path of rollbacks by deployment; deploy rollback finds the app and calls rollBackApp',
  },
  rollBackApp: ['rollback', 'shop', '--environment', 'staging', '--yes'],
  previewAppRollback: ['rollback', 'shop', '--environment', 'staging', '--yes'],
  deleteApp: ['deploy', 'delete', 'shop', '--environment', 'staging', '--yes'],
  listApps: ['deploy', 'apps'],
  listAppVersions: ['versions', 'shop', '--environment', 'staging'],
  readAppLog: ['logs', 'shop', '--environment', 'staging'],
  getDeploymentMetrics: ['deploy', 'metrics'],
  getDeploymentHealth: ['deploy', 'health'],
  getStoredCredentials: ['credentials', 'show', 'staging'],
  storeCredentials: ['credentials', 'set', 'staging', '--account', 'a'.repeat(32)],
  deleteStoredCredentials: ['credentials', 'remove', 'staging', '--yes'],
  validateCredentials: ['credentials', 'check', 'staging', '--account', 'a'.repeat(32)],
  verifyCloudflareToken: ['credentials', 'verify', '--scope', 'Workers Scripts Write'],
  createGitHubToken: ['credentials', 'github-token', '12345', '--permission', 'contents=read'],

  getHealth: ['status'],
  getReadiness: ['status', '--ready'],

  getOpenApiDocument: ['openapi'],
  showReference: { none: 'a page for browsers; open docs opens it' },
  readReferenceFile: { none: 'a file of that page' },

  getBridgeSummary: { none: 'another path of getBridgeStatusSummary' },
  openBridgeStatusSocket: { none: 'a WebSocket for pages; bridge watch follows the same changes' },
  pushReleases: { none: 'the protocol between slaves and their master' },
  sendPing: { none: 'the protocol between slaves and their master' },
  showSignInPage: { none: 'a page for browsers; open login opens it' },
  submitSignInPage: { none: 'the form of a page' },
  signOutOfBrowser: { none: 'the form of a page' },
  openConsole: { none: 'a page for browsers; open console opens it' },
  readStoredFile: { none: 'the address of a download link' },
  writeStoredFile: { none: 'the address of an upload link' },
}

const patterns = Object.entries(operationTable).map(([name, [method, path]]) => ({
  name,
  method,
  pattern: new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+')}$`),
  fixed: path.replace(/\{[^}]+\}/g, '').length,
}))

/** The operation of a request: that with the longest fixed part, as `/releases/latest` before `/releases/{version}`. */
function operationOf({ method, path }: Pick<Asked, 'method' | 'path'>): string {
  const [plain = ''] = path.split('?')
  const found = patterns.filter((each) => each.method === method && each.pattern.test(plain))
  return found.toSorted((a, b) => b.fixed - a.fixed)[0]?.name ?? `${method} ${plain}`
}

/** Runs a command against an API that answers as the document says. @returns the operations that it called */
async function operationsOf(line: string[]) {
  const api = await startFakeApi((asked, res) => {
    const operation = operationOf(asked)
    const names = [...new URL(asked.path, 'http://api').searchParams.keys()]
    const unknown = names.filter((name) => !queryOf(operation).includes(name))
    // As the API answers a parameter that it does not know.
    if (unknown.length > 0) return json(res, 400, refusal('REQ_002', `unknown parameters: ${unknown}`))
    if (asked.headers.accept === 'text/event-stream') {
      // A stream without an end is followed until the second connection is refused.
      const isRepeated = api.asked.filter((each) => each.path === asked.path).length > 1
      if (isRepeated) return json(res, 404, refusal('SYS_005', 'No'))
      const ends = /Job|DeploymentLog/.test(operation)
      openStream(res)
      res.end(ends ? event(1000, 'end', { state: 'completed', status: 'completed', attempt: 1 }) : '')
      return
    }
    const answer = sampleOf(operation)
    if (answer === undefined) return json(res, 404, refusal('SYS_005', 'No'))
    if (asked.path.includes('format=csv')) return void res.end('a,b')
    json(res, answer.status, answer.body)
  })
  const folder = folderWith({ 'index.js': 'export default {}' })
  const env = {
    CAPSTAN_URL: api.url,
    CAPSTAN_TOKEN: 'x',
    CAPSTAN_PASSWORD: 'a-good-password-1',
    XDG_CONFIG_HOME: folder,
  }
  const args = [...line.map((word) => (word === 'FOLDER' ? folder : word)), '--json']
  const answers = { '': 'a-good-password-1' }
  const ran = await capstan(args, {
    env,
    input: 'a-good-token-1',
    ...(line[0] === 'password' ? { answers } : {}),
  })
  return { ran, called: api.asked.map(operationOf) }
}

describe('every operation of the API has a command', () => {
  test('or a reason for having none', () => {
    const document = JSON.parse(readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8'))
    const ids = Object.values<Record<string, { operationId?: string }>>(document.paths).flatMap((item) =>
      Object.values(item).flatMap(({ operationId }) => operationId ?? []),
    )
    expect(Object.keys(commands).toSorted()).toEqual(ids.toSorted())
  })

  const lines = Object.entries(commands).filter((each): each is [string, string[]] => Array.isArray(each[1]))
  test.each(lines)('%s: capstan %j', async (operation, line) => {
    const { ran, called } = await operationsOf(line)
    expect(ran.err).not.toMatch(/unknown (option|command)|TypeError|undefined/)
    expect(called).toContain(operation)
    expect(ran.err).not.toContain('unknown parameters')
    // A stream is followed until the test closes it; others print one document.
    if (!/^watch(Releases|BridgeStatus)$/.test(operation)) expect(() => JSON.parse(ran.out)).not.toThrow()
  })
})
