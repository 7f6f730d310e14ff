import type { Knex } from 'knex'
import { createBatcher } from '../platform/batcher.ts'
import type { NewEvent } from '../platform/events/index.ts'
import type { Run } from '../platform/jobs/index.ts'
import { maskSecrets } from '../platform/logging/redact.ts'
import { truncate } from '../platform/postgres/storable-text.ts'
import { type DeploymentStatus, type StepKey, steps } from './model/states.ts'

export type LogLevel = 'info' | 'warn' | 'error'
export interface LogLine {
  timestamp: string
  level: LogLevel
  message: string
}

export const deploymentStream = (id: string) => `deployment:${id}`

/** An event for a log line, with its secrets masked. */
export function logEvent(deploymentId: string, level: LogLevel, message: string): NewEvent {
  const line: LogLine = {
    timestamp: new Date().toISOString(),
    level,
    message: truncate(maskSecrets(message), 4000),
  }
  return { stream: deploymentStream(deploymentId), type: 'message', data: line }
}

export function stepEvent(
  deploymentId: string,
  change: { step: StepKey; status: 'running' | 'completed' | 'failed'; skipped?: boolean; attempt?: number },
): NewEvent {
  const { step, status, skipped = false, attempt } = change
  const timestamp = new Date().toISOString()
  const data = {
    timestamp,
    step,
    name: steps[step],
    status,
    skipped,
    ...(attempt === undefined ? {} : { attempt }),
  }
  return { stream: deploymentStream(deploymentId), type: 'step', data }
}

/** The last event of a deployment, with its final status. */
export function endEvent(deployment: { id: string }, status: DeploymentStatus): NewEvent {
  return {
    stream: deploymentStream(deployment.id),
    type: 'end',
    data: { deploymentId: deployment.id, status },
  }
}

/** The log of a running step. Lines are stored in small batches, each only while the run holds its job. */
export interface StepLog {
  info(message: string): void
  warn(message: string): void
  /** Resolves when all lines are stored. @throws LostLease */
  flush(): Promise<void>
}

export function createStepLog(run: Run, deploymentId: string): StepLog {
  let fault: unknown
  const batcher = createBatcher<NewEvent, undefined>(async (events) => {
    await run.appendEvents(events)
    return events.map(() => undefined)
  })
  const add = (level: LogLevel, message: string) => {
    batcher.add(logEvent(deploymentId, level, message)).catch((error: unknown) => {
      fault = error
    })
  }
  return {
    info: (message) => add('info', message),
    warn: (message) => add('warn', message),
    async flush() {
      await batcher.idle()
      if (fault !== undefined) throw fault
    },
  }
}

/** The last 20 lines of a deployment's log since a time, oldest first. */
export async function recentLines(db: Knex, deploymentId: string, since: Date): Promise<string[]> {
  const rows = await db('events')
    .where({ stream: deploymentStream(deploymentId), type: 'message' })
    .where('at', '>=', since)
    .orderBy('seq', 'desc')
    .limit(20)
  return rows.reverse().map((row) => row.data.message)
}

/** True if a deployment's log has a line with this message. */
export async function hasLine(db: Knex, deploymentId: string, message: string): Promise<boolean> {
  const row = await db('events')
    .where({ stream: deploymentStream(deploymentId), type: 'message' })
    .whereRaw(`data->>'message' = ?`, [message])
    .first('seq')
  return row !== undefined
}
