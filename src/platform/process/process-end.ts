import { existsSync } from 'node:fs'
import { flushCompileCache } from 'node:module'

const shell = '/bin/sh'

/**
 * Ends this process with an exit code, and certainly. `process.exit` and a natural end wait for V8's own threads, and
 * Node 24.21 was seen to wait for ever: the main thread for a compiler thread, which waits for a garbage collection
 * of the main thread. Replacing the program lets the kernel end all threads at once, keeps the exit code, and works
 * for process 1 of a container, too, where the default action of a signal does nothing.
 *
 * `exit` listeners run as with `process.exit`; what they throw does not keep the process alive.
 */
export function endProcess(code: number): never {
  // Absent before Node 22.15, and it aborts instead of throwing when the program is not there.
  if (process.execve === undefined || !existsSync(shell)) process.exit(code)
  try {
    process.emit('exit', code)
    flushCompileCache()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
  }
  return process.execve(shell, ['sh', '-c', `exit ${code}`], {})
}
