import type { LocalCloudLog } from '../../options.ts'
import { withoutSuffix } from '../gate.ts'
import type { Group } from '../groups/group.ts'
import { redact } from '../startup/check.ts'
import type { OnLine } from './lines.ts'
import type { WorkerLogs } from './worker-logs.ts'

/**
 * Writes the lines of a group to the logs of its scripts, without their secrets. A line of workerd itself, for example
 * about a refused call, names no Worker: it goes to the log of each script.
 */
export function groupLog({ scripts }: Group, logs: WorkerLogs, log: LocalCloudLog): OnLine {
  const bindings = scripts.flatMap(({ runnables }) => runnables.flatMap(({ version }) => version.bindings))
  const owners = new Map(
    scripts.flatMap(({ name, runnables }) => runnables.map(({ version }) => [version.id, name] as const)),
  )
  const all = scripts.map(({ name }) => name)
  return (level, message, { origin, versionId }) => {
    const owner = versionId === undefined ? undefined : owners.get(versionId)
    // The tail Worker of the right script reports the same exception.
    if (owner === undefined && all.length > 1 && message.startsWith('Uncaught exception: ')) return
    const line = redact(withoutSuffix(message), bindings)
    for (const script of owner === undefined ? all : [owner]) {
      logs.add(script, level, line, origin)
      log.debug({ script, level, line }, 'Worker log line')
    }
  }
}
