/** One line that a Worker wrote, or that was written about it. */
export interface WorkerLine {
  /** ISO 8601. */
  time: string
  /** `debug`, `info`, `log`, `warn` or `error`; an uncaught exception is an error. */
  level: string
  text: string
}

const mostLines = 1000
const mostScripts = 200
const longestText = 8000

/**
 * The last lines of each script, by name: they stay readable when a failed first deployment deletes the script. In
 * memory only, as a live tail would be.
 */
export class WorkerLogs {
  private readonly lines = new Map<string, WorkerLine[]>()

  add(script: string, level: string, text: string): void {
    const kept = this.lines.get(script) ?? []
    // The script that was quiet for longest is the first to be forgotten.
    this.lines.delete(script)
    this.lines.set(script, kept)
    kept.push({ time: new Date().toISOString(), level, text: readable(text).slice(0, longestText) })
    if (kept.length > mostLines) kept.splice(0, kept.length - mostLines)
    const [oldest] = this.lines.keys()
    if (this.lines.size > mostScripts && oldest !== undefined) this.lines.delete(oldest)
  }

  /** Oldest first. */
  of(script: string): WorkerLine[] {
    return this.lines.get(script) ?? []
  }
}

const exception = /^Uncaught exception: .*?(?:remote\.)?jsg\.([\s\S]*?)(?:\nstack: .*)?$/

/** How workerd reports a connection that the fence around Workers has refused. */
const refusedCall = /blocked by restrictPeers\(\)/

/** workerd describes an exception by a place in its own source and a stack of its own addresses. */
function readable(text: string): string {
  if (refusedCall.test(text))
    return 'A call to this machine or its network was refused; LOCAL_CLOUD_PRIVATE_NETWORK=allow permits such calls.'
  const [, thrown] = exception.exec(text) ?? []
  return thrown === undefined ? text : `Uncaught ${thrown}`
}
