import type { Knex } from 'knex'
import { z } from 'zod'
import { type Principal, requirePermission } from '../platform/auth.ts'
import type { JobDefinition } from '../platform/jobs/index.ts'
import { withStore } from './errors.ts'
import { writePointer } from './publishing/channel-moves.ts'
import { type PublishEngine, runPublish, settlePublish } from './publishing/run-publish.ts'
import { channel, version } from './routes/schema.ts'

const minutes = 60_000

/** Who may stop or repeat work of this domain is who may start it. */
const authorizeChange = async (_engine: PublishEngine, _db: Knex, { principal }: { principal: Principal }) =>
  requirePermission(principal, 'releases:publish')

const publishPayload = z.strictObject({ version, by: z.string() })

/** Verifies a draft in the store and makes it a release. An hour is 5 GiB at a tenth of what a disk reads. */
export const publishJob: JobDefinition<z.output<typeof publishPayload>, PublishEngine> = {
  queue: 'maintenance',
  name: 'publish-release',
  payload: publishPayload,
  maxAttempts: 5,
  timeoutMs: () => 60 * minutes,
  backoff: { firstMs: 2000, maxMs: 60_000 },
  retryRefused: 'Publish the version again',
  authorizeChange,
  describe: async (_engine, _db, payloads) => payloads.map(({ version }) => ({ version })),
  handle: runPublish,
  onFinalState: (_engine, trx, job) => settlePublish(trx, job),
}

const pointerPayload = z.strictObject({ channel })

/** Lets the pointer in the store follow a channel that was moved. Old readers of the bucket see it then. */
export const pointerJob: JobDefinition<z.output<typeof pointerPayload>, PublishEngine> = {
  queue: 'maintenance',
  name: 'release-pointer',
  payload: pointerPayload,
  // A store may be away for a day: until then our own answers are right by the database.
  maxAttempts: 100,
  timeoutMs: () => minutes,
  backoff: { firstMs: 1000, maxMs: 15 * minutes },
  authorizeChange,
  describe: async (_engine, _db, payloads) => payloads.map(({ channel }) => ({ channel })),
  async handle(engine, payload, run) {
    await withStore(() => run.write((trx) => writePointer(trx, engine, payload.channel)))
    return { kind: 'done' }
  },
}
