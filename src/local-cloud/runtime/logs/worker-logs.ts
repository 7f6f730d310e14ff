import type { LineOrigin } from './lines.ts'
import { ScriptLog, type WorkerLine } from './script-log.ts'

export type { WorkerLine } from './script-log.ts'

const maxScripts = 200

/**
 * The last lines of each script, by the script's name: they stay readable after a failed first deployment has
 * deleted the script. Kept in memory only.
 */
export class WorkerLogs {
  private readonly logs = new Map<string, ScriptLog>()

  add(script: string, level: string, text: string, origin: LineOrigin = 'output'): void {
    const log = this.logs.get(script) ?? new ScriptLog()
    // Re-inserting keeps the scripts in the order of their last line: the log of the first one is dropped.
    this.logs.delete(script)
    this.logs.set(script, log)
    log.add({ level, text: readableText(text), origin, now: new Date() })
    const [oldest] = this.logs.keys()
    if (this.logs.size > maxScripts && oldest !== undefined) this.logs.delete(oldest)
  }

  /** The lines of a script, oldest first. */
  of(script: string): WorkerLine[] {
    return this.logs.get(script)?.lines() ?? []
  }
}

const exceptionPattern = /^Uncaught exception: .*?(?:remote\.)?jsg\.([\s\S]*?)(?:\nstack: .*)?$/

/** workerd's message for a connection that the Workers' network refused. */
const refusedCallPattern = /blocked by restrictPeers\(\)/

/** Rewrites workerd's messages for users: removes positions in its source and addresses of its own stack. */
function readableText(text: string): string {
  if (refusedCallPattern.test(text))
    return 'A call to this machine or its network was refused; LOCAL_CLOUD_PRIVATE_NETWORK=allow permits such calls.'
  const [, thrown] = exceptionPattern.exec(text) ?? []
  return thrown === undefined ? text : `Uncaught ${thrown}`
}
