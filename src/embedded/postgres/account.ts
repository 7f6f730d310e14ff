import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'

/** The operating system's account that PostgreSQL runs under, when it is not our own. */
export interface Account {
  uid: number
  gid: number
}

/**
 * PostgreSQL refuses to run as root: as root we use the account that owns existing data, else `postgres`, else
 * `nobody`, which every Debian and Ubuntu has. @returns undefined for a normal user: it runs as ourselves.
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

/** True when the account can go to this folder, whatever modes, ACLs or mounts lie on the way: it is tried. */
export function canEnter(account: Account | undefined, folder: string): boolean {
  if (account === undefined) return true
  const tried = spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], {
    ...account,
    cwd: '/',
    stdio: 'ignore',
  })
  return tried.status === 0
}
