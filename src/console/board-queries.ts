import { STATUSES } from '@bull-board/api/constants/statuses'
import type { BullBoardQueues } from '@bull-board/api/typings/app'
import { z } from 'zod'
import { notFound } from '../platform/errors.ts'
import { parse } from '../platform/http/validation.ts'

/** A queue's name, which the library's page encodes twice. */
const queueName = z.string().transform((text, context) => {
  try {
    return decodeURIComponent(text)
  } catch {
    context.addIssue({ code: 'custom', message: 'expected a name in percent-encoding' })
    return z.NEVER
  }
})

const fromOne = z.string().regex(/^[1-9]\d{0,5}$/, 'expected a whole number from 1 to 999999')

/** The parameters of the library's API; it ignores others. */
const boardQuery = z.looseObject({
  activeQueue: queueName.optional(),
  queueName: queueName.optional(),
  status: z.enum(STATUSES).optional(),
  page: fromOne.optional(),
  jobsPerPage: fromOne.optional(),
})

/**
 * Refuses what the library would refuse without naming all fields, and a queue or job that does not exist, which some of its
 * handlers answer with an empty list.
 * @throws REQ_002, SYS_005
 */
export async function checkBoardRequest(
  queues: BullBoardQueues,
  { params, query }: { params: Record<string, unknown>; query: Record<string, unknown> },
): Promise<void> {
  // The library reads an empty value as one that is missing.
  const given = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''))
  const { activeQueue, queueName } = parse(boardQuery, given, { part: 'query', status: 400 })
  for (const name of [activeQueue, queueName]) if (name !== undefined) queueOf(queues, name)
  if (typeof params.queueName !== 'string') return
  const queue = queueOf(queues, params.queueName)
  if (typeof params.jobId !== 'string') return
  if (!(await queue.getJob(params.jobId))) throw notFound('Job')
}

function queueOf(queues: BullBoardQueues, name: string) {
  const queue = queues.get(name)
  if (queue === undefined) throw notFound('Queue')
  return queue
}
