import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'

/**
 * Installs missing programs from packages, as root on Debian and its derivatives. Does not start the packages'
 * services.
 * @returns the reason if the programs are not available
 */
export function needPrograms(programs: Record<string, string>): string | undefined {
  const missing = Object.keys(programs).filter((program) => spawnSync('which', [program]).status !== 0)
  if (missing.length === 0) return undefined
  const names = missing.join(', ')
  if (process.getuid?.() !== 0) return `${names} not installed, and only root could install it`
  if (!existsSync('/etc/debian_version')) return `${names} not installed, and this is not Debian or Ubuntu`
  const policy = '/usr/sbin/policy-rc.d'
  const ownPolicy = !existsSync(policy)
  if (ownPolicy) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const run = (...args: string[]) => spawnSync('apt-get', args, { env, encoding: 'utf8', timeout: 120_000 })
    const packages = missing.map((program) => programs[program] ?? program)
    const install = () =>
      run('-o', 'DPkg::Lock::Timeout=60', 'install', '-y', '--no-install-recommends', ...packages)
    let done = install()
    if (done.status !== 0) {
      run('update')
      done = install()
    }
    if (done.status === 0) return undefined
    return `apt-get could not install ${names}: ${(done.stderr ?? '').trim().split('\n').at(-1)}`
  } finally {
    if (ownPolicy) rmSync(policy, { force: true })
  }
}
