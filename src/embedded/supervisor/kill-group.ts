import type { ChildProcess } from 'node:child_process'
import { errorCode } from '../../platform/thrown.ts'

/** Sends a signal to a child that was started with `detached`, and to all that it has started in its group. */
export function killGroup(child: Pick<ChildProcess, 'pid'>, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    // ESRCH: nobody is left. EPERM: only a zombie is (macOS).
    const code = errorCode(error)
    if (code !== 'ESRCH' && code !== 'EPERM') throw error
  }
}
