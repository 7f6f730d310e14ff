import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'

/** The resources that a process has used so far. */
export interface Usage {
  /** The CPU time of all threads. */
  cpuMs: number
  /** The time in which the process was ready to run but other processes ran. Zero if unknown. */
  waitedMs: number
  /** Resident memory; on Linux without shared pages, such as mapped files. */
  memoryBytes: number
}

/** The unit of CPU time in /proc: 1/100 s, independent of the kernel's clock rate. */
const tickMs = 10
const pageBytes = 4096

/** @returns the CPU time of a process; undefined if it is unknown: not on Linux, or the process has ended */
export function cpuMs(pid: number | undefined): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The fields follow the process name, which may contain spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * tickMs
  } catch {
    return undefined
  }
}

/** @returns undefined if the process has ended */
export async function usageOf(pid: number): Promise<Usage | undefined> {
  if (process.platform !== 'linux') return await usageFromPs(pid)
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

/** Reads the usage from the POSIX command `ps`, for macOS. */
async function usageFromPs(pid: number): Promise<Usage | undefined> {
  try {
    const { stdout } = await run('ps', ['-o', 'rss=,time=', '-p', String(pid)])
    return parsePs(stdout)
  } catch {
    return undefined
  }
}

/** Parses `rss time`: kilobytes, and `[[days-]hours:]minutes:seconds[.hundredths]`. */
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
