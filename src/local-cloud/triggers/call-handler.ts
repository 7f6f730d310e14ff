import { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { pickVersion } from '../gateway/pick-version.ts'
import { eventHeader } from '../runtime/gate.ts'
import type { Script } from '../store/scripts.ts'

/** The body of a message as the front of a Worker receives it. */
export interface QueuedBody {
  /** `bytes` and `v8` are base64. */
  contentType: 'json' | 'text' | 'bytes' | 'v8'
  text: string
}

/** An event that calls a handler of a Worker other than `fetch`. */
export type WorkerEvent =
  | { type: 'scheduled'; cron: string; scheduledTime: number }
  | {
      type: 'queue'
      queue: string
      messages: { id: string; timestamp: number; attempts: number; body: QueuedBody }[]
    }

const eventResult = z.object({
  outcome: z.string(),
  retryBatch: z.object({ retry: z.boolean(), delaySeconds: z.number().optional() }).optional(),
  ackAll: z.boolean().optional(),
  explicitAcks: z.array(z.string()).optional(),
  retryMessages: z.array(z.object({ msgId: z.string(), delaySeconds: z.number().optional() })).optional(),
})
export type EventResult = z.infer<typeof eventResult>

/**
 * Calls the handler of a deployed version, which is selected by percentage, and starts the Worker if needed.
 * @returns undefined if nothing is deployed @throws Error if the Worker did not respond
 */
export async function callHandler(
  { pool }: Pick<CloudContext, 'pool'>,
  script: Script,
  event: WorkerEvent,
): Promise<EventResult | undefined> {
  const lease = await pool.acquire(script.id, (shares) => pickVersion(shares, {}, script.name))
  if (lease === undefined) return undefined
  try {
    const response = await fetch(lease.url, {
      method: 'POST',
      headers: { ...lease.gate, [eventHeader]: event.type, 'content-type': 'application/json' },
      body: JSON.stringify(event),
    })
    if (!response.ok) throw new Error(`the Worker answered ${response.status}: ${await response.text()}`)
    return eventResult.parse(await response.json())
  } finally {
    lease.release()
  }
}
