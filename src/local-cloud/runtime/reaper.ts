import { type ChildProcess, spawn } from 'node:child_process'

/** Reads `+ pid` and `- pid` lines, and kills the remaining processes when the pipe closes. */
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
 * Kills workerd processes whose parent was killed with -9; they would otherwise keep the Durable Objects' files open. A
 * shell in its own session reads a pipe from this process, which the kernel closes however this process ends.
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
