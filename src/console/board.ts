import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import type { RequestHandler } from 'express'
import type { Knex } from 'knex'
import { signInUrl } from '../accounts/index.ts'
import type { BoundJob } from '../platform/jobs/index.ts'
import type { Queues } from '../platform/queues/index.ts'
import { BoardServer } from './board-server.ts'
import { describeAnswer } from './describe.ts'
import { redact } from './redact.ts'

export interface BoardOptions {
  db: Knex
  queues: Queues
  queueNames: readonly string[]
  jobs: readonly BoundJob[]
}

/** Bull Board under the path `base`. The queue store must be available. */
export function createBoard(base: string, options: BoardOptions): RequestHandler {
  const { db, jobs } = options
  const server = new BoardServer(base, (body) => describeAnswer(db, jobs, redact(body)))
  createBullBoard({
    queues: options.queueNames.map((name) => {
      const allowRetries = jobs.every((job) => job.queue !== name || job.retryRefused === undefined)
      const settings = { allowRetries, allowCompletedRetries: false }
      return new BullMQAdapter(options.queues.get(name), settings)
    }),
    serverAdapter: server,
    options: {
      uiConfig: {
        boardTitle: 'Capstan',
        hideDocsLink: true,
        miscLinks: [{ text: 'Sign out', url: signInUrl(base) }],
      },
    },
  })
  return server.router
}
