import type { Knex } from 'knex'
import { z } from 'zod'
import { type Principal, requirePermission } from '../platform/auth.ts'
import type { JobDefinition } from '../platform/jobs/index.ts'
import { withStore } from './errors.ts'
import { writePointer } from './publishing/channel-moves.ts'
import { type PublishContext, runPublish, settlePublish } from './publishing/run-publish.ts'
import { channel, version } from './routes/schema.ts'

const minutes = 60_000

/** Cancelling or retrying a job of this domain needs the same permission as starting it. */
const authorizeChange = async (
  _context: PublishContext,
  _db: Knex,
  { principal }: { principal: Principal },
) => requirePermission(principal, 'releases:publish')

const publishPayload = z.strictObject({ version, by: z.string() })

/** Verifies a draft in the store and publishes it. One hour suffices for 5 GiB at a tenth of a disk's read speed. */
export const publishJob: JobDefinition<z.output<typeof publishPayload>, PublishContext> = {
  queue: 'maintenance',
  name: 'publish-release',
  payload: publishPayload,
  maxAttempts: 5,
  timeoutMs: () => 60 * minutes,
  backoff: { firstMs: 2000, maxMs: 60_000 },
  retryRefused: 'Publish the version again',
  authorizeChange,
  describe: async (_context, _db, payloads) => payloads.map(({ version }) => ({ version })),
  handle: runPublish,
  onFinalState: (_context, trx, job) => settlePublish(trx, job),
}

const pointerPayload = z.strictObject({ channel })

/** Updates the pointer in the store after a channel move, for programs that read the bucket directly. */
export const pointerJob: JobDefinition<z.output<typeof pointerPayload>, PublishContext> = {
  queue: 'maintenance',
  name: 'release-pointer',
  payload: pointerPayload,
  // The store may be unreachable for a day; until then the API answers correctly from the database.
  maxAttempts: 100,
  timeoutMs: () => minutes,
  backoff: { firstMs: 1000, maxMs: 15 * minutes },
  authorizeChange,
  describe: async (_context, _db, payloads) => payloads.map(({ channel }) => ({ channel })),
  async handle(context, payload, run) {
    await withStore(() => run.write((trx) => writePointer(trx, context, payload.channel)))
    return { kind: 'done' }
  },
}
