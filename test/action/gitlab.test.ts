import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadYaml } from '@kubernetes/client-node'
import { expect, test } from 'vitest'
import { type Answering, deploymentApi, deploymentId, startFakeApi } from '../cli/fake-api.ts'
import { folderWith } from '../cli/folder.ts'
import { until } from '../helpers/until.ts'
import { endlessDeployment } from './endless-deployment.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Example {
  deploy: { script: string[]; variables: Record<string, string>; artifacts: { paths: string[] } }
}
const { deploy } = loadYaml(readFileSync(join(root, 'examples/ci/.gitlab-ci.yml'), 'utf8')) as Example

/** Runs the script of the example as a runner does: its lines in one shell, with the variables of project and job. */
async function startJob(answering: Answering) {
  const api = await startFakeApi(answering)
  // A project may have settings of its own in a file of this name.
  const cwd = folderWith({ 'index.js': 'export default {}', '.env': 'CAPSTAN_URL=http://127.0.0.1:1' })
  const script = deploy.script.join('\n').replace('/app/', root)
  const { PATH, HOME, XDG_CACHE_HOME } = process.env
  const project = { CAPSTAN_URL: api.url, CAPSTAN_TOKEN: 'ora_x', CI: 'true', GITLAB_CI: 'true' }
  const child = spawn('bash', ['-c', script], {
    cwd,
    env: { PATH, HOME, XDG_CACHE_HOME, ...project, ...deploy.variables },
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
  return {
    api,
    cancel: () => child.kill('SIGTERM'),
    saw: (text: string) =>
      until(() => log.includes(text), { timeoutMs: 30_000, what: `the log says ${text}` }),
    async end() {
      if (child.exitCode === null) await once(child, 'close')
      const [plan = ''] = deploy.artifacts.paths
      return { code: child.exitCode, log, plan: readFileSync(join(cwd, plan), 'utf8') }
    },
  }
}

test('the GitLab example deploys, and keeps the plan and the result', async () => {
  const { code, log, plan } = await (await startJob(deploymentApi('completed'))).end()
  expect(log).toContain('my-app (staging): completed')
  expect(code).toBe(0)
  expect(plan).toContain('## Plan: my-app to staging')
  expect(plan).toContain('**my-app (staging): completed after 20 s**')
})

test('a GitLab job that is ended cancels its deployment', async () => {
  const job = await startJob(endlessDeployment())
  await job.saw('Waiting')
  job.cancel()
  const { code, plan } = await job.end()
  expect(code).toBe(1)
  expect(plan).toContain('cancelled')
  expect(job.api.asked.filter(({ path }) => path === `/deploy/${deploymentId}/cancel`)).toHaveLength(1)
})
