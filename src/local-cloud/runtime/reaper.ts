import { type ChildProcess, spawn } from 'node:child_process'

/** Reads `+ pid` and `- pid` lines; when the pipe closes, whatever is left is killed. */
const script = `
trap '' INT TERM HUP
pids=' '
while read -r op pid; do
  rest=' '
  for p in $pids; do [ "$p" = "$pid" ] || rest="$rest$p "; done
  pids=$rest
  if [ "$op" = + ]; then pids="$pids$pid "; fi
done
for p in $pids; do kill -9 "$p" 2>/dev/null; done
`

/**
 * workerd outlives a parent that was killed with -9, and would go on holding the Durable Objects' files. So a shell of
 * its own session waits at the end of a pipe from us: the kernel closes the pipe however we die.
 */
export class Reaper {
  readonly #shell: ChildProcess | undefined

  constructor() {
    if (process.platform === 'win32') return
    this.#shell = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
    this.#shell.on('error', () => {})
    this.#shell.stdin?.on('error', () => {})
    this.#shell.unref()
  }

  watch(child: ChildProcess): void {
    child.once('spawn', () => this.#shell?.stdin?.write(`+ ${child.pid}\n`))
    child.once('exit', () => this.#shell?.stdin?.write(`- ${child.pid}\n`))
  }

  close(): void {
    this.#shell?.stdin?.end()
  }
}
