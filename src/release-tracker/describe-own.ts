import type { Knex } from 'knex'
import type { TrackerContext } from './context.ts'

/** What a job of this installation's own collecting is about. */
export const describeOwn = async (
  { config }: TrackerContext,
  _db: Knex,
  payloads: unknown[],
): Promise<Record<string, string>[]> =>
  payloads.map(() => ({ client: config.clientName, environment: config.envName }))
