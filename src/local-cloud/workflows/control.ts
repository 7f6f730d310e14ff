import { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { callBridge, textOf } from '../resources/bridge-call.ts'

/** An error that the engine of a workflow has thrown. */
export class EngineError extends Error {}

/** Calls a method of a workflow's engine, whose process is started if needed. @throws EngineError */
export async function callControl<T>(
  cloud: CloudContext,
  workflowId: string,
  schema: z.ZodType<T>,
  call: { method: string; args: unknown[] },
): Promise<T> {
  const answer = await callBridge(cloud, `workflow:${workflowId}`, { body: JSON.stringify(call) })
  const { failed, text } = await textOf(answer)
  if (failed) throw new EngineError(text)
  return schema.parse(JSON.parse(text))
}

export const nothing = z.null()
