import { spawn } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { StartFault } from '../../platform/process/start-fault.ts'
import { killGroup } from '../supervisor/kill-group.ts'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'
import { clusterDirOf } from './home.ts'
import { superuser } from './settings.ts'

interface Cluster {
  home: string
  password: string
  binaries: Binaries
  account: Account | undefined
  /** False only in tests: a power cut may then damage a new cluster. */
  sync: boolean
  /** Aborts a running initdb. */
  signal: AbortSignal | undefined
}

const temporaryPrefix = 'initdb-'

/**
 * Creates the data directory on first use. It gets its final name only after initdb has succeeded, so that an aborted
 * initdb is repeated at the next start.
 * @returns the path of the directory @throws StartFault if initdb fails, or for data of another major version
 */
export async function ensureCluster(cluster: Cluster): Promise<string> {
  const { home, binaries } = cluster
  for (const name of readdirSync(home)) {
    // Retries are needed: the initdb of a killed start may still be writing.
    if (name.startsWith(temporaryPrefix))
      rmSync(join(home, name), { recursive: true, force: true, maxRetries: 10 })
  }
  const target = clusterDirOf(home)
  if (existsSync(target)) {
    checkMajor(target, binaries.major)
    return target
  }
  const temporary = mkdtempSync(join(home, temporaryPrefix))
  try {
    const passwordFile = join(temporary, 'password')
    writeFileSync(passwordFile, cluster.password, { mode: 0o600 })
    for (const path of [temporary, passwordFile]) {
      if (cluster.account !== undefined) chownSync(path, cluster.account.uid, cluster.account.gid)
    }
    await runInitdb(cluster, { data: join(temporary, 'data'), passwordFile })
    renameSync(join(temporary, 'data'), target)
  } finally {
    // Retries are needed: child processes of a killed initdb may still be writing.
    rmSync(temporary, { recursive: true, force: true, maxRetries: 10 })
  }
  return target
}

function checkMajor(target: string, major: number): void {
  const found = readFileSync(join(target, 'PG_VERSION'), 'utf8').trim()
  if (found === String(major)) return
  throw new StartFault(
    `${target} contains data of PostgreSQL ${found}, but this Capstan release uses PostgreSQL ${major}. ` +
      'Either save the data with `capstan backup` of the previous Capstan release, move DATA_DIR away and load it ' +
      'with `capstan restore` of this release; or move DATA_DIR away to start empty',
  )
}

/** PostgreSQL's environment. It inherits no variables: no locale, no PG* variables and no secrets. */
export const serverEnvironment = { LC_ALL: 'C', TZ: 'UTC' }

async function runInitdb(cluster: Cluster, paths: { data: string; passwordFile: string }): Promise<void> {
  const args = [
    `--pgdata=${paths.data}`,
    `--pwfile=${paths.passwordFile}`,
    `--username=${superuser}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-instructions',
    ...(cluster.sync ? [] : ['--no-sync']),
  ]
  const child = spawn(cluster.binaries.initdb, args, {
    ...cluster.account,
    cwd: cluster.home,
    env: serverEnvironment,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const abort = () => killGroup(child, 'SIGKILL')
  cluster.signal?.addEventListener('abort', abort, { once: true })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const failure = await new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) =>
      resolve(code === 0 ? undefined : `initdb exited with ${signal ?? code}`),
    )
  })
  cluster.signal?.removeEventListener('abort', abort)
  cluster.signal?.throwIfAborted()
  if (failure === undefined) return
  const tail = output.trim().split('\n').slice(-15).join('\n')
  throw new StartFault(`could not create PostgreSQL's data directory in ${cluster.home}: ${failure}\n${tail}`)
}
