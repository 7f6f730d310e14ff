import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../../../src/embedded/postgres/port.ts'
import { needPrograms } from '../../../helpers/servers/debian-packages.ts'
import { until } from '../../../helpers/until.ts'

/** Why tests against a real registry can't run here; undefined where they can. */
export const missing = needPrograms({
  'docker-registry': 'docker-registry',
  skopeo: 'skopeo',
  openssl: 'openssl',
})
if (missing !== undefined) console.log(`SKIPPED: everything with a real registry. Reason: ${missing}`)

export interface DockerRegistry {
  /** `127.0.0.1:<port>`, as in an image's reference. */
  host: string
  port: number
  stop(): Promise<void>
}

export interface TokenAuth {
  realm: string
  service: string
  issuer: string
  /** A file with the certificate that tokens are signed under. */
  certificate: string
}

/** Debian's own registry, with its images in a folder that goes with it. */
export async function startDockerRegistry(
  options: { relativeUrls?: boolean; tokens?: TokenAuth } = {},
): Promise<DockerRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'capstan-registry-'))
  const port = await freePort()
  const { tokens } = options
  const config = {
    version: '0.1',
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'images') }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}`, secret: 'of-a-test', relativeurls: options.relativeUrls ?? false },
    validation: { manifests: { urls: { allow: ['^https://'] } } },
    ...(tokens === undefined
      ? {}
      : { auth: { token: { ...tokens, certificate: undefined, rootcertbundle: tokens.certificate } } }),
  }
  const file = join(folder, 'config.yml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config))
  const child = spawn('docker-registry', ['serve', file], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk
  })
  await until(() => answers(port, child, () => said), { what: 'the registry answers', timeoutMs: 20_000 })
  return {
    host: `127.0.0.1:${port}`,
    port,
    async stop() {
      const exited = new Promise((resolve) => child.once('exit', resolve))
      if (child.exitCode === null && child.kill('SIGKILL')) await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function answers(port: number, child: ChildProcess, said: () => string): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`docker-registry ended: ${said()}`)
  try {
    return [200, 401].includes((await fetch(`http://127.0.0.1:${port}/v2/`)).status)
  } catch {
    return false
  }
}
