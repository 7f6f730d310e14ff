import type { Knex } from 'knex'
import type { Environment } from '../config.ts'

/** A hold on an app and environment, during which no deployment may start. */
export interface TargetHold {
  purpose: 'delete' | 'late-arrivals'
  /** The id of the holder; a run after a crash has the same one. */
  holder: string
}

export async function findHold(
  db: Knex,
  app: string,
  environment: Environment,
): Promise<TargetHold | undefined> {
  return db('target_holds').where({ app, environment }).first('purpose', 'holder')
}

/** Acquires a hold. @returns false if another holder has it */
export async function takeHold(
  trx: Knex,
  hold: { app: string; environment: Environment } & TargetHold,
): Promise<boolean> {
  const { app, environment, purpose, holder } = hold
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
