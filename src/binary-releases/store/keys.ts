import type { Knex } from 'knex'

export interface KnownKey {
  id: string
  publicKey: string
  firstUsedAt: Date
}

/** A key that has signed stays known, so that its signatures can be checked after a rotation. */
export async function rememberKey(db: Knex, key: Pick<KnownKey, 'id' | 'publicKey'>): Promise<void> {
  await db('release_keys').insert({ id: key.id, public_key: key.publicKey }).onConflict('id').ignore()
}

export async function readKeys(db: Knex): Promise<KnownKey[]> {
  return db('release_keys')
    .orderBy('first_used_at', 'desc')
    .select('id', { publicKey: 'public_key' }, { firstUsedAt: 'first_used_at' })
}
