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
  /** False in tests only: then a power cut may spoil a new cluster. */
  sync: boolean
  /** Ends an initdb that runs. */
  signal: AbortSignal | undefined
}

const unfinished = 'initdb-'

/**
 * Makes the data directory on first use. It appears under its name only when initdb has ended well, so one that was
 * killed in the middle is simply done again. @returns its path. @throws StartFault for data of another major version.
 */
export async function ensureCluster(cluster: Cluster): Promise<string> {
  const { home, binaries } = cluster
  for (const name of readdirSync(home)) {
    // With retries: the initdb of a killed start may still be writing there.
    if (name.startsWith(unfinished))
      rmSync(join(home, name), { recursive: true, force: true, maxRetries: 10 })
  }
  const target = clusterDirOf(home)
  if (existsSync(target)) {
    checkMajor(target, binaries.major)
    return target
  }
  const temporary = mkdtempSync(join(home, unfinished))
  try {
    const passwordFile = join(temporary, 'password')
    writeFileSync(passwordFile, cluster.password, { mode: 0o600 })
    for (const path of [temporary, passwordFile]) {
      if (cluster.account !== undefined) chownSync(path, cluster.account.uid, cluster.account.gid)
    }
    await runInitdb(cluster, { data: join(temporary, 'data'), passwordFile })
    renameSync(join(temporary, 'data'), target)
  } finally {
    // With retries: what an initdb that was killed had started may still be writing there.
    rmSync(temporary, { recursive: true, force: true, maxRetries: 10 })
  }
  return target
}

function checkMajor(target: string, major: number): void {
  const found = readFileSync(join(target, 'PG_VERSION'), 'utf8').trim()
  if (found === String(major)) return
  throw new StartFault(
    `${target} holds data of PostgreSQL ${found}, and this Capstan comes with PostgreSQL ${major}. ` +
      'Either start the previous Capstan release on it, save it there with `capstan backup`, move DATA_DIR away and ' +
      'load it here with `capstan restore`; or move DATA_DIR away to start empty',
  )
}

/** Nothing of our environment reaches PostgreSQL: neither locale, nor PG* variables, nor secrets. */
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
  const ended = await new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) => resolve(code === 0 ? undefined : `it ended with ${signal ?? code}`))
  })
  cluster.signal?.removeEventListener('abort', abort)
  cluster.signal?.throwIfAborted()
  if (ended === undefined) return
  const tail = output.trim().split('\n').slice(-15).join('\n')
  throw new StartFault(`PostgreSQL could not make its data directory in ${cluster.home}: ${ended}\n${tail}`)
}
