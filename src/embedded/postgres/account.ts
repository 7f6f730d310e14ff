import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'

/** The operating system account that PostgreSQL runs as, if it is not that of this process. */
export interface Account {
  uid: number
  gid: number
}

/**
 * PostgreSQL refuses to run as root. For root, this is the account that owns existing data, else `postgres`, else
 * `nobody`, which Debian and Ubuntu always have.
 * @returns undefined for other users, as whom PostgreSQL runs itself
 */
export function serverAccount(clusterDir: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  const owner = statSync(clusterDir, { throwIfNoEntry: false })
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    if (Number(uid) > 0 && Number(gid) > 0) return { uid: Number(uid), gid: Number(gid) }
  }
  return { uid: 65534, gid: 65534 }
}

/** True if the account can enter this directory. It is tried, because modes, ACLs and mounts all matter. */
export function canEnter(account: Account | undefined, folder: string): boolean {
  if (account === undefined) return true
  const attempt = spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], {
    ...account,
    cwd: '/',
    stdio: 'ignore',
  })
  return attempt.status === 0
}
