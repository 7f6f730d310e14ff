import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { z } from 'zod'
import { localCloudCredentials, startLocalCloud } from '../../../src/local-cloud/index.ts'
import { silent } from '../../helpers/context.ts'
import { runCommand, type Stack } from '../../helpers/stack.ts'
import { wranglerFor } from '../wrangler/run.ts'
import type { DeployCase } from './cases.ts'
import { installedModules } from './installed.ts'
import { type Place, readState } from './state.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
export const zones = ['example.org']

/** Two local clouds of the same account: that of an installation of Capstan, and one for wrangler. */
export async function startClouds(stack: Stack) {
  const directory = mkdtempSync(join(tmpdir(), 'capstan-clouds-'))
  const { accountId, apiToken: token } = localCloudCredentials(stack.dataDir)
  const cloud = await startLocalCloud({
    ...{ host: '127.0.0.1', port: 0, dataDir: join(directory, 'cloud'), token, accountId, zones },
    log: silent,
  })
  const ours: Place = {
    ...{ url: `http://127.0.0.1:${stack.cloudPort}`, port: stack.cloudPort, token, accountId },
  }
  const theirs: Place = { url: cloud.url, port: cloud.port, token, accountId }
  let count = 0

  /** A copy of the project, with the packages that it needs. */
  async function copyOf(
    { project, ownPackages }: DeployCase,
    texts: Record<string, string>,
  ): Promise<string> {
    count += 1
    const parent = join(directory, String(count))
    const folder = join(parent, 'project')
    const source = join(root, 'test/projects', project)
    cpSync(source, folder, { recursive: true })
    if (ownPackages) symlinkSync(await installedModules(source), join(folder, 'node_modules'))
    else symlinkSync(join(root, 'node_modules'), join(parent, 'node_modules'))
    for (const name of ['wrangler.json', 'wrangler.jsonc', 'wrangler.toml'])
      replaceIn(join(folder, name), texts)
    return folder
  }

  return {
    ours,
    theirs,
    /** Deploys a project with wrangler. @returns the output of its commands */
    async deployWithWrangler(each: DeployCase): Promise<string> {
      const folder = await copyOf(each, await prepared(each, theirs))
      await build(each, folder)
      const program = each.ownPackages ? join(folder, 'node_modules/wrangler/bin/wrangler.js') : undefined
      const wrangler = wranglerFor(
        { ...theirs, directory: folder, home: directory, ...(program === undefined ? {} : { program }) },
        join('projects', each.project.replace('/', '-')),
      )
      const environment = each.environment === undefined ? [] : ['--env', each.environment]
      let output = ''
      for (const args of [['deploy', ...secretsFile(each, folder)], ...(each.afterwards ?? [])]) {
        const ran = await wrangler.run([...args, ...environment])
        output += ran.output
        if (ran.code !== 0) throw new Error(`wrangler ${args.join(' ')} failed:\n${ran.output}`)
      }
      return output
    },
    /** Deploys a project with Capstan. @returns the output */
    async deployWithCapstan(each: DeployCase): Promise<string> {
      const folder = await copyOf(each, await prepared(each, ours))
      await build(each, folder)
      const environment = each.environment ?? 'production'
      const args = ['deploy', folder, '--environment', environment, '--yes']
      const { exitCode, output } = await runCommand(stack, args, each.secrets)
      if (exitCode !== 0) throw new Error(`capstan ${args.join(' ')} failed:\n${output}`)
      return output
    },
    states: () => Promise.all([readState(theirs), readState(ours)]),
    async stop() {
      await cloud.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Makes the resources that the project names. @returns what to replace in its configuration */
async function prepared({ before }: DeployCase, place: Place): Promise<Record<string, string>> {
  const made = z.object({ result: z.looseObject({ id: z.string().optional(), uuid: z.string().optional() }) })
  const texts = await before?.(async (path, json) => {
    const response = await fetch(`${place.url}/client/v4/accounts/${place.accountId}/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${place.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(json),
    })
    const { id, uuid: databaseId } = made.parse(await response.json()).result
    return id ?? databaseId ?? ''
  })
  return texts ?? {}
}

/** Builds a project with its own tools, as its author does before a deployment. */
async function build({ build: args, environment }: DeployCase, folder: string): Promise<void> {
  if (args === undefined) return
  const { PATH = '', HOME = '' } = process.env
  const env = { PATH, HOME, ...(environment === undefined ? {} : { CLOUDFLARE_ENV: environment }) }
  await promisify(execFile)(process.execPath, args, { cwd: folder, env })
}

/** The option that gives wrangler the secrets of a new Worker. */
function secretsFile({ secrets }: DeployCase, folder: string): string[] {
  if (secrets === undefined) return []
  const file = join(folder, '..', 'secrets.json')
  writeFileSync(file, JSON.stringify(secrets))
  return ['--secrets-file', file]
}

function replaceIn(file: string, texts: Record<string, string>): void {
  if (!existsSync(file)) return
  let content = readFileSync(file, 'utf8')
  for (const [from, to] of Object.entries(texts)) content = content.replaceAll(from, to)
  writeFileSync(file, content)
}

const uuid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g

/** The answer of a Worker, without what differs from request to request. */
export function visit({ port }: Place, host: string, path: string) {
  const { promise, resolve, reject } = Promise.withResolvers<object>()
  const headers = { host: `${host}:${port}`, accept: 'text/html' }
  request({ host: '127.0.0.1', port, path, headers, agent: false }, (res) => {
    const chunks: Buffer[] = []
    res.on('data', (chunk: Buffer) => chunks.push(chunk))
    res.on('error', reject)
    res.on('end', () => {
      const { date: _, 'cf-ray': __, ...shown } = res.headers
      // An app may show its port, and the id of its version.
      const body = Buffer.concat(chunks).toString().replaceAll(`:${port}`, ':port').replace(uuid, '<id>')
      resolve({ path, status: res.statusCode, headers: shown, body })
    })
  })
    .on('error', reject)
    .end()
  return promise
}
