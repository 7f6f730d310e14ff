import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartFault } from '../process/start-fault.ts'
import { errorCode } from '../thrown.ts'

/** The file with the id of the process that holds DATA_DIR. */
export const lockFileOf = (dataDir: string) => join(dataDir, 'supervisor.pid')

export interface DataDirLock {
  /** True if the previous holder died without `release`; its child processes may still be ending. */
  takenOver: boolean
  release(): void
}

/** Marks a folder as incomplete while a backup is restored to it; the mark remains if the restore is interrupted. */
export const halfRestored = {
  file: 'restoring',
  is: (dataDir: string) => existsSync(join(dataDir, halfRestored.file)),
  mark: (dataDir: string) =>
    writeFileSync(join(dataDir, halfRestored.file), '', { mode: 0o600, flush: true }),
  clear: (dataDir: string) => rmSync(join(dataDir, halfRestored.file)),
}

/**
 * Makes this process the only supervisor of DATA_DIR until `release` or its death.
 * @throws StartFault with the pid of another supervisor, or for an incompletely restored folder
 */
export function lockDataDir(dataDir: string, { restoring = false } = {}): DataDirLock {
  if (!restoring && halfRestored.is(dataDir)) {
    throw new StartFault(
      `The restore of a backup to ${dataDir} was interrupted: run \`capstan restore\` again, or remove the folder`,
    )
  }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const lock = lockFileOf(dataDir)
  const own = `${process.pid} ${startTimeOf(process.pid)}\n`
  const temporary = `${lock}.${process.pid}.${randomBytes(4).toString('hex')}`
  writeFileSync(temporary, own, { mode: 0o600 })
  let takenOver = false
  try {
    // `link` fails if the name exists, and a linked file is always complete.
    while (!linked(temporary, lock)) {
      clearStale(lock, temporary)
      takenOver = true
    }
  } finally {
    rmSync(temporary, { force: true })
  }
  return {
    takenOver,
    release() {
      if (contentOf(lock) === own) rmSync(lock, { force: true })
    },
  }
}

/** @returns the pid of the process that holds DATA_DIR, or undefined */
export function holderOf(dataDir: string): number | undefined {
  const content = contentOf(lockFileOf(dataDir))
  return content !== undefined && isLive(content) ? Number.parseInt(content, 10) : undefined
}

function clearStale(lock: string, temporary: string): void {
  const found = contentOf(lock)
  if (found === undefined) return
  refuseLive(found, lock)
  // Two processes may find the same stale lock: the moved file decides, and a live lock is put back.
  const moved = `${temporary}.stale`
  try {
    renameSync(lock, moved)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw error
  }
  try {
    const content = contentOf(moved) ?? ''
    if (content !== found && isLive(content)) {
      linked(moved, lock)
      refuseLive(content, lock)
    }
  } finally {
    rmSync(moved, { force: true })
  }
}

function refuseLive(content: string, lock: string): void {
  if (!isLive(content)) return
  const [pid] = content.split(' ')
  throw new StartFault(
    `Capstan already runs here (pid ${pid}, ${lock}); stop it, or set DATA_DIR to run a second one`,
  )
}

/** Also compares the start time, since the pid may belong to another process by now. */
function isLive(content: string): boolean {
  const [pid = '', ...startTime] = content.trim().split(' ')
  const now = startTimeOf(Number(pid))
  return now !== undefined && now === startTime.join(' ')
}

/** The start time of a process in the system's notation; undefined if the process does not exist. */
function startTimeOf(pid: number): string | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  if (process.platform !== 'linux') {
    const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
    return stdout?.trim() || undefined
  }
  const stat = contentOf(`/proc/${pid}/stat`)
  // Field 22; the second field is a name in parentheses that may contain spaces. A zombie counts as ended.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  return fields[0] === 'Z' ? undefined : fields[19]
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}
