import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { programFile } from '../../helpers/program.ts'
import { compileCache } from '../../helpers/run-folder.ts'
import { createTestDatabase, type TestDatabase } from '../../helpers/servers/postgres-server.ts'
import { freePorts } from '../../helpers/stack.ts'
import { until } from '../../helpers/until.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

export type Installation = Awaited<ReturnType<typeof startInstallation>>

/** The web and the worker process of one installation, on a database of its own. */
export async function startInstallation(env: Record<string, string>) {
  const database: TestDatabase = await createTestDatabase()
  const dataDir = mkdtempSync(join(tmpdir(), 'capstan-installation-'))
  const [port] = await freePorts()
  const output: string[] = []
  const children = new Map<string, ChildProcess>()
  const all = {
    ...process.env,
    DATABASE_URL: database.url,
    SECRET_KEY: 'a-secret-key-of-the-tests-0123456789',
    DATA_DIR: dataDir,
    PORT: String(port),
    NODE_COMPILE_CACHE: compileCache,
    ...env,
  }
  const url = `http://127.0.0.1:${port}`

  function spawnProgram(name: string, args: string[]): void {
    const child = spawn(process.execPath, args, { cwd: root, env: all, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => output.push(String(chunk)))
    children.set(name, child)
  }
  async function end(name: string, signal: NodeJS.Signals): Promise<void> {
    const child = children.get(name)
    children.delete(name)
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }
  const startWeb = async () => {
    spawnProgram('web', [programFile('src/api')])
    const ready = () => fetch(`${url}/health/ready`).then((answer) => answer.ok)
    await until(ready, { timeoutMs: 60_000, what: `the web process serves\n${output.join('')}` })
  }
  const startWorker = () => spawnProgram('worker', [programFile('workers/main'), 'collect', 'ping'])
  startWorker()
  await startWeb()

  return {
    url,
    database,
    output,
    startWeb,
    startWorker,
    end,
    async stop() {
      for (const name of [...children.keys()]) await end(name, 'SIGTERM')
      await database.drop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
