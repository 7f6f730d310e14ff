import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'

/** What a process has used so far. */
export interface Usage {
  /** Time on processors, of all of its threads. */
  cpuMs: number
  /** Time for which it was ready to run, and the machine ran others. Zero where that is unknown. */
  waitedMs: number
  /** Memory of its own; on Linux without what it only maps from files. */
  memoryBytes: number
}

/** The kernel counts in hundredths of a second, whatever its own clock does. */
const tickMs = 10
const pageBytes = 4096

/** @returns the time on processors; undefined where it is unknown, as outside of Linux or of a process that is gone. */
export function cpuMs(pid: number | undefined): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name before it may hold anything, spaces and brackets too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * tickMs
  } catch {
    return undefined
  }
}

/** @returns undefined for a process that is gone. */
export async function usageOf(pid: number): Promise<Usage | undefined> {
  if (process.platform !== 'linux') return await askPs(pid)
  const used = cpuMs(pid)
  if (used === undefined) return undefined
  try {
    const [, resident = 0, shared = 0] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ').map(Number)
    const [, waitedNs = 0] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ').map(Number)
    return { cpuMs: used, waitedMs: waitedNs / 1e6, memoryBytes: (resident - shared) * pageBytes }
  } catch {
    return undefined
  }
}

const run = promisify(execFile)

/** `ps` of POSIX, for macOS. */
async function askPs(pid: number): Promise<Usage | undefined> {
  try {
    const { stdout } = await run('ps', ['-o', 'rss=,time=', '-p', String(pid)])
    return parsePs(stdout)
  } catch {
    return undefined
  }
}

/** Reads `rss time`: kilobytes, and `[[days-]hours:]minutes:seconds[.hundredths]`. */
export function parsePs(line: string): Usage | undefined {
  const [, rss, days = '0', clock = ''] = /^\s*(\d+)\s+(?:(\d+)-)?([\d:.]+)\s*$/.exec(line) ?? []
  if (rss === undefined) return undefined
  const seconds = clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
  return {
    cpuMs: Math.round((Number(days) * 86_400 + seconds) * 1000),
    waitedMs: 0,
    memoryBytes: Number(rss) * 1024,
  }
}
