import { existsSync } from 'node:fs'
import { flushCompileCache } from 'node:module'

const shell = '/bin/sh'

/**
 * Ends this process reliably with an exit code. `exit` listeners run as with `process.exit`; an error in one does not
 * keep the process alive.
 */
export function endProcess(code: number): never {
  if (replace() === undefined) process.exit(code)
  try {
    process.emit('exit', code)
    flushCompileCache()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
  }
  return replaceProcess(code)
}

/**
 * Ends this process without its `exit` listeners. `process.exit` and a normal exit wait for V8's threads, and Node 24.21
 * can hang: the main thread waits for a compiler thread, which waits for a garbage collection of the main thread.
 * Replacing the program makes the kernel end all threads at once, keeps the exit code, and also works for process 1 of
 * a container, where the default action of a signal has no effect. Where that is impossible, it uses `process.exit`.
 */
export function replaceProcess(code: number): never {
  return replace()?.(shell, ['sh', '-c', `exit ${code}`], {}) ?? process.exit(code)
}

/** Not available before Node 22.15; it aborts the process instead of throwing if the program does not exist. */
const replace = () => (existsSync(shell) ? process.execve : undefined)
