import type { Knex } from 'knex'
import type { TrackerContext } from './context.ts'

/** Describes jobs that concern this installation's own environment. */
export const describeOwn = async (
  { config }: TrackerContext,
  _db: Knex,
  payloads: unknown[],
): Promise<Record<string, string>[]> =>
  payloads.map(() => ({ client: config.clientName, environment: config.envName }))
