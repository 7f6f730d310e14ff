import type { Knex } from 'knex'
import { notFound } from '../../platform/errors.ts'
import type { Layout } from '../catalogue/layout.ts'
import { parseAs, type Signature, signatureSchema } from '../catalogue/metadata.ts'
import { createObjectCache } from '../catalogue/object-cache.ts'
import type { ReleaseStates } from '../catalogue/release-states.ts'
import { metadataUnreadable, withStore } from '../errors.ts'
import type { ObjectStore } from '../object-store/index.ts'
import { readKeys } from '../store/keys.ts'
import type { SigningKey } from './signing.ts'

export interface PublishedKey {
  id: string
  publicKey: string
  /** The key that signs new releases. */
  current: boolean
  /** No longer trusted. */
  revoked: boolean
}

export type Signatures = ReturnType<typeof createSignatures>

export interface SignatureOptions {
  db: Knex
  store: ObjectStore
  layout: Layout
  states: ReleaseStates
  key: () => SigningKey | undefined
  revoked: string[]
}

/** Signatures and public keys, for the verification of releases. */
export function createSignatures({ db, store, layout, states, key, revoked }: SignatureOptions) {
  const cache = createObjectCache({ store, parse: (body) => parseAs(signatureSchema, body) })
  states.onChange(() => cache.forgetAbsent())
  return {
    /** @throws SYS_005 if the release is not signed */
    async of(version: string): Promise<Signature> {
      const { value, missing } = await withStore(() => cache.get(layout.signature(version)))
      if (missing === 'unreadable') throw metadataUnreadable()
      if (value === undefined) throw notFound('Signature of this release')
      return value
    },
    /** The current key and all keys that have signed a release. */
    async keys(): Promise<PublishedKey[]> {
      const current = key()
      const earlier = (await readKeys(db)).filter(({ id }) => id !== current?.id)
      const all = [...(current === undefined ? [] : [current]), ...earlier]
      return all.map(({ id, publicKey }) => ({
        id,
        publicKey,
        current: id === current?.id,
        revoked: revoked.includes(id),
      }))
    },
  }
}
