import { STATUSES } from '@bull-board/api/constants/statuses'
import type { BullBoardQueues } from '@bull-board/api/typings/app'
import { z } from 'zod'
import { notFound } from '../platform/errors.ts'
import { parse } from '../platform/http/validation.ts'

/** A queue name, which the library's page percent-encodes twice. */
const queueName = z.string().transform((text, context) => {
  try {
    return decodeURIComponent(text)
  } catch {
    context.addIssue({ code: 'custom', message: 'expected a name in percent-encoding' })
    return z.NEVER
  }
})

const fromOne = z.string().regex(/^[1-9]\d{0,5}$/, 'expected a whole number from 1 to 999999')

/** The parameters of the library's API, which ignores all others. */
const boardQuery = z.looseObject({
  activeQueue: queueName.optional(),
  queueName: queueName.optional(),
  status: z.enum(STATUSES).optional(),
  page: fromOne.optional(),
  jobsPerPage: fromOne.optional(),
})

/**
 * Refuses invalid parameters, which the library refuses without naming all fields, and unknown queues and jobs, which
 * some of its handlers answer with an empty list.
 * @throws REQ_002, SYS_005
 */
export async function checkBoardRequest(
  queues: BullBoardQueues,
  { params, query }: { params: Record<string, unknown>; query: Record<string, unknown> },
): Promise<void> {
  // The library treats an empty value as missing.
  const nonEmpty = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''))
  const { activeQueue, queueName } = parse(boardQuery, nonEmpty, { part: 'query', status: 400 })
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
