import type { ChildProcess } from 'node:child_process'

/** Sends a signal to a child that was started with `detached`, and to all that it has started in its group. */
export function killGroup(child: Pick<ChildProcess, 'pid'>, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    // ESRCH: nobody is left. EPERM: only a zombie is (macOS).
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ESRCH' && code !== 'EPERM') throw error
  }
}
