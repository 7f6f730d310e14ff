import type { LineOrigin } from './exceptions.ts'
import { ScriptLog, type WorkerLine } from './script-log.ts'

export type { WorkerLine } from './script-log.ts'

const maxScripts = 200

/**
 * The last lines of each script, by name: they stay readable when a failed first deployment deletes the script. In
 * memory only, as a live tail would be.
 */
export class WorkerLogs {
  private readonly logs = new Map<string, ScriptLog>()

  add(script: string, level: string, text: string, origin: LineOrigin = 'output'): void {
    const log = this.logs.get(script) ?? new ScriptLog()
    // The script that was quiet for longest is the first to be forgotten.
    this.logs.delete(script)
    this.logs.set(script, log)
    log.add({ level, text: readable(text), origin, now: new Date() })
    const [oldest] = this.logs.keys()
    if (this.logs.size > maxScripts && oldest !== undefined) this.logs.delete(oldest)
  }

  /** Oldest first. */
  of(script: string): WorkerLine[] {
    return this.logs.get(script)?.lines() ?? []
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
