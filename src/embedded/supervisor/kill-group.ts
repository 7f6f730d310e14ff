import type { ChildProcess } from 'node:child_process'
import { errorCode } from '../../platform/thrown.ts'

/** Sends a signal to the process group of a child that was started with `detached`. */
export function killGroup(child: Pick<ChildProcess, 'pid'>, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    // ESRCH: the group has no processes. EPERM: it has only a zombie (macOS).
    const code = errorCode(error)
    if (code !== 'ESRCH' && code !== 'EPERM') throw error
  }
}
