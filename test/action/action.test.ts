import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadYaml } from '@kubernetes/client-node'
import { describe, expect, test } from 'vitest'
import {
  deploymentApi,
  deploymentId,
  event,
  json,
  openStream,
  refusal,
  startFakeApi,
  wrapped,
} from '../cli/fake-api.ts'
import { folderWith } from '../cli/folder.ts'
import { endlessDeployment } from './endless-deployment.ts'
import { startAction } from './run-action.ts'

const token = 'ora_secret-of-the-job'
const app = () => folderWith({ 'index.js': 'export default {}' })
const inputs = (api: { url: string }, others: Record<string, string> = {}) => ({
  url: api.url,
  token,
  path: '.',
  ...others,
})

describe('the GitHub Action', () => {
  test('deploys, with the plan in the summary, the log in the log, and outputs', async () => {
    const api = await startFakeApi(deploymentApi('completed'))
    const { code, log, summary, outputs } = await startAction(inputs(api), { cwd: app() }).end()
    expect(log).toContain('+ Running health check: done, 12 s')
    expect(code).toBe(0)
    expect(summary).toContain('## Plan: my-app to staging')
    expect(summary).toContain('| create | durable object | Counter |')
    expect(summary).toContain('**my-app (staging): completed after 20 s**')
    expect(summary).not.toContain('curl')
    expect(outputs).toEqual({
      'deployment-id': deploymentId,
      status: 'completed',
      url: 'http://my-app-staging.localhost:8787',
      version: '',
    })
  })

  test('masks the token first, and prints it nowhere else', async () => {
    const api = await startFakeApi(deploymentApi('completed'))
    const { log, summary } = await startAction(inputs(api), { cwd: app() }).end()
    expect(log.startsWith(`::add-mask::${token}\n`)).toBe(true)
    expect(log.split(token)).toHaveLength(2)
    expect(summary).not.toContain(token)
  })

  test.each(['failed', 'rolled_back', 'cancelled'])('fails if the deployment is %s', async (status) => {
    const api = await startFakeApi(deploymentApi(status, { code: 'DEPLOY_006', message: 'did not answer' }))
    const { code, log, outputs, summary } = await startAction(inputs(api), { cwd: app() }).end()
    expect(code).toBe(1)
    expect(outputs).toMatchObject({ status, 'deployment-id': deploymentId })
    expect(log).toContain('::error::did not answer\n')
    expect(summary).toContain('did not answer')
  })

  test('fails with the reason if the service refuses the plan', async () => {
    const api = await startFakeApi((_asked, res) => json(res, 403, refusal('ACCESS_003', 'Not\nallowed')))
    const { code, log, outputs } = await startAction(inputs(api), { cwd: app() }).end()
    expect(code).toBe(2)
    expect(log).toContain('::error::Not%0Aallowed\n')
    expect(outputs.status).toBe('refused')
  })

  test('hands inputs to the service as they are, through no shell', async () => {
    const api = await startFakeApi(deploymentApi('completed'))
    const folder = app()
    const text = `a"'$(touch made) \`touch made\`; touch made`
    const options = `--var\nTEXT=${text}\n--replan`
    const { code } = await startAction(inputs(api, { options, environment: 'production' }), {
      cwd: folder,
    }).end()
    expect(code).toBe(0)
    expect(api.asked[0]?.body).toMatchObject({
      environment: 'production',
      config: { appName: 'my-app', environmentVars: { TEXT: text } },
    })
    const refused = await startAction(inputs(api, { app: text }), { cwd: folder }).end()
    expect(refused.code).toBe(2)
    expect(refused.log).toContain("can't be an app's name")
    expect(existsSync(join(folder, 'made'))).toBe(false)
  })

  test('with the option --plan puts the plan into the summary, and deploys nothing', async () => {
    const api = await startFakeApi(deploymentApi('completed'))
    const { code, summary, outputs } = await startAction(inputs(api, { options: '--plan' }), {
      cwd: app(),
    }).end()
    expect([code, outputs.status]).toEqual([0, 'planned'])
    expect(summary).toContain('## Plan: my-app to staging')
    expect(api.asked.map(({ path }) => path)).toEqual(['/deploy/prepare'])
  })

  test('takes a path that looks like an option as a path', async () => {
    const api = await startFakeApi(deploymentApi('completed'))
    const { code, log } = await startAction(inputs(api, { path: '--force' }), { cwd: app() }).end()
    expect(code).toBe(2)
    expect(log).toContain('--force')
    expect(api.asked).toEqual([])
  })

  test('shows lines that look like commands of the runner, and executes none', async () => {
    const command = '::add-mask::staging'
    const whole = deploymentApi('completed')
    const api = await startFakeApi((asked, res) => {
      if (!asked.path.endsWith('/logs')) return whole(asked, res)
      openStream(res)
      const data = { timestamp: 't', level: 'info', message: command }
      res.end(event(1, 'message', data) + event(2, 'end', { deploymentId, status: 'completed' }))
    })
    const { log } = await startAction(inputs(api), { cwd: app() }).end()
    const [, end = ''] = /^::stop-commands::(.+)$/m.exec(log) ?? []
    const at = log.indexOf(command)
    expect(at).toBeGreaterThan(log.indexOf('::stop-commands::'))
    expect(log.indexOf(`::${end}::`)).toBeGreaterThan(at)
  })

  test.each(['url', 'token'])('says that the input %s is empty', async (name) => {
    const { code, log } = await startAction({ url: 'http://127.0.0.1:1', token, [name]: ' ' }).end()
    expect([code, log]).toEqual([2, `::error::The input ${name} is empty\n`])
  })

  test('reads no settings of the job: neither a .env of its repository nor variables of another service', async () => {
    const api = await startFakeApi(deploymentApi('completed'))
    const cwd = folderWith({
      'index.js': 'export default {}',
      '.env': 'CAPSTAN_URL=http://127.0.0.1:1\nDATA_DIR=x',
    })
    const env = { CAPSTAN_URL: 'http://127.0.0.1:2', DATA_DIR: '/nowhere' }
    expect((await startAction(inputs(api), { cwd, env }).end()).code).toBe(0)
  })

  test('has the inputs and outputs that action.yml declares', () => {
    const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
    const declared = loadYaml(read('action.yml')) as {
      inputs: object
      outputs: object
      runs: { main: string }
    }
    const main = read(declared.runs.main)
    const used = [...main.matchAll(/input\('([a-z-]+)'/g)].map(([, name]) => name)
    expect(new Set(used)).toEqual(new Set(Object.keys(declared.inputs)))
    for (const name of Object.keys(declared.outputs))
      expect(main).toMatch(new RegExp(`^ +'?${name}'?[:,]`, 'm'))
  })
})

describe('the packages of the Action', () => {
  const install = new URL('../../action/install.js', import.meta.url)
  const program = `import { install } from '${install}'; process.exitCode = await install(process.argv[1], process.env, (text) => process.stdout.write(text))`

  async function installIn(folder: string, npm: string): Promise<{ code: number | null; log: string }> {
    const bin = join(folder, 'npm')
    writeFileSync(bin, `#!/bin/sh\n${npm}\n`, { mode: 0o755 })
    const words = ['--input-type=module', '-e', program, '--', folder]
    const child = spawn(process.execPath, words, { env: { PATH: `${folder}:${process.env.PATH}` } })
    let log = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
    await once(child, 'close')
    return { code: child.exitCode, log }
  }

  test('are installed without running their scripts', async () => {
    const folder = folderWith({ 'package.json': '{}' })
    expect((await installIn(folder, `echo "$PWD $*" >"${folder}/said"`)).code).toBe(0)
    const said = readFileSync(join(folder, 'said'), 'utf8')
    expect(said).toMatch(/my-app ci --omit=dev --ignore-scripts /)
  })

  test('are not installed again', async () => {
    const folder = folderWith({ 'node_modules/commander/package.json': '{}' })
    expect(await installIn(folder, 'exit 3')).toEqual({ code: 0, log: '' })
  })

  test('fail the step if npm fails', async () => {
    expect((await installIn(folderWith({ 'package.json': '{}' }), 'exit 3')).code).toBe(3)
  })

  test('are installed with the output of npm as plain lines, even if the last one has no end', async () => {
    const { log } = await installIn(folderWith({ 'package.json': '{}' }), `printf '::add-mask::staging'`)
    const [, end = ''] = /^::stop-commands::(.+)$/m.exec(log) ?? []
    expect(end).not.toBe('')
    expect(log.split('\n')).toEqual([`::stop-commands::${end}`, '::add-mask::staging', `::${end}::`, ''])
  })
})

describe('cancelling the job', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('cancels the deployment: %s', async (signal) => {
    const api = await startFakeApi(endlessDeployment())
    const job = startAction(inputs(api), { cwd: app() })
    await job.saw('Waiting')
    job.signal(signal)
    const { code, outputs, summary } = await job.end()
    expect(code).toBe(1)
    expect(outputs.status).toBe('cancelled')
    expect(summary).toContain('**my-app (staging): cancelled')
    expect(api.asked.filter(({ path }) => path === `/deploy/${deploymentId}/cancel`)).toHaveLength(1)
  })

  test('a second signal ends the step although the deployment has not ended', async () => {
    const whole = endlessDeployment()
    const api = await startFakeApi((asked, res) => {
      if (asked.path.endsWith('/cancel')) return json(res, 202, wrapped({ deploymentId, jobId: 'j' }))
      return whole(asked, res)
    })
    const job = startAction(inputs(api), { cwd: app() })
    await job.saw('Waiting')
    job.signal('SIGINT')
    await job.saw('cancelling the deployment')
    job.signal('SIGTERM')
    expect((await job.end()).code).not.toBe(0)
    expect(api.asked.some(({ path }) => path.endsWith('/cancel'))).toBe(true)
  })

  test('before the deployment has started, deploys nothing', async () => {
    const asked = Promise.withResolvers<void>()
    const api = await startFakeApi(() => asked.resolve())
    const job = startAction(inputs(api), { cwd: app() })
    await asked.promise
    job.signal('SIGINT')
    expect((await job.end()).code).not.toBe(0)
    expect(api.asked.map(({ path }) => path)).toEqual(['/deploy/prepare'])
  })
})
