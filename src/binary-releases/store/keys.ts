import type { Knex } from 'knex'

export interface StoredKey {
  id: string
  publicKey: string
  firstUsedAt: Date
}

/** Stores a key that signed a release, so that its signatures can be verified after a key rotation. */
export async function rememberKey(db: Knex, key: Pick<StoredKey, 'id' | 'publicKey'>): Promise<void> {
  await db('release_keys').insert({ id: key.id, public_key: key.publicKey }).onConflict('id').ignore()
}

export async function readKeys(db: Knex): Promise<StoredKey[]> {
  return db('release_keys')
    .orderBy('first_used_at', 'desc')
    .select('id', { publicKey: 'public_key' }, { firstUsedAt: 'first_used_at' })
}
