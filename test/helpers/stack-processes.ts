import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface ProcessInfo {
  pid: number
  ppid: number
  /** The arguments, each terminated by NUL. */
  command: string
}

/** True on Linux, which the tests that kill processes need. */
export const canInspectProcesses = existsSync('/proc/self/cmdline')

export function processes(): ProcessInfo[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8')
        const afterName = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1) ?? ''
        return [{ pid: Number(name), ppid: Number(afterName.split(' ')[1]), command }]
      } catch {
        return []
      }
    })
}

/** Finds processes by environment, working directory or arguments, which orphans keep when they lose their parent. */
export function leftOf(dataDir: string): ProcessInfo[] {
  if (!canInspectProcesses) return []
  const read = (readText: () => string) => {
    try {
      return readText()
    } catch {
      return ''
    }
  }
  return processes().filter(({ pid, command }) => {
    if (pid === process.pid || command === '') return false
    const environment = read(() => readFileSync(`/proc/${pid}/environ`, 'utf8'))
    const folder = read(() => readlinkSync(`/proc/${pid}/cwd`))
    return `${command}\0${environment}\0${folder}`.includes(dataDir)
  })
}
