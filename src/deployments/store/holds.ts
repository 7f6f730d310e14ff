import type { Knex } from 'knex'
import type { Environment } from '../config.ts'

/** What works on an app and environment while no deployment may. */
export interface TargetHold {
  purpose: 'delete' | 'late-arrivals'
  /** Whose it is: a run after a crash takes it over. */
  holder: string
}

export async function findHold(
  db: Knex,
  app: string,
  environment: Environment,
): Promise<TargetHold | undefined> {
  return db('target_holds').where({ app, environment }).first('purpose', 'holder')
}

/** @returns false when somebody else holds it. */
export async function takeHold(
  trx: Knex,
  about: { app: string; environment: Environment } & TargetHold,
): Promise<boolean> {
  const { app, environment, purpose, holder } = about
  const made = await trx('target_holds')
    .insert({ app, environment, purpose, holder })
    .onConflict(['app', 'environment'])
    .ignore()
    .returning('holder')
  return made.length > 0 || (await findHold(trx, app, environment))?.holder === holder
}

export async function releaseHold(trx: Knex, holder: string): Promise<void> {
  await trx('target_holds').where({ holder }).delete()
}
