import type { Knex } from 'knex'
import { notFound } from '../../platform/errors.ts'
import type { Layout } from '../catalogue/layout.ts'
import { parseAs, type Signature, signatureSchema } from '../catalogue/metadata.ts'
import { createObjectCache } from '../catalogue/object-cache.ts'
import type { ReleaseStates } from '../catalogue/release-states.ts'
import { unreadable, withStore } from '../errors.ts'
import type { ObjectStore } from '../object-store/index.ts'
import { readKeys } from '../store/keys.ts'
import type { SigningKey } from './signing.ts'

export interface PublishedKey {
  id: string
  publicKey: string
  /** Signs what is published now. */
  current: boolean
  /** Must not be trusted any more. */
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

/** What readers need to check a release. */
export function createSignatures({ db, store, layout, states, key, revoked }: SignatureOptions) {
  const cache = createObjectCache({ store, parse: (body) => parseAs(signatureSchema, body) })
  states.onChange(() => cache.forgetAbsent())
  return {
    /** @throws SYS_005 for a release that was never signed. */
    async of(version: string): Promise<Signature> {
      const { value, missing } = await withStore(() => cache.get(layout.signature(version)))
      if (missing === 'unreadable') throw unreadable()
      if (value === undefined) throw notFound('Signature of this release')
      return value
    },
    /** The current key and all that ever signed. */
    async keys(): Promise<PublishedKey[]> {
      const current = key()
      const earlier = (await readKeys(db)).filter(({ id }) => id !== current?.id)
      const known = [...(current === undefined ? [] : [current]), ...earlier]
      return known.map(({ id, publicKey }) => ({
        ...{ id, publicKey, current: id === current?.id, revoked: revoked.includes(id) },
      }))
    },
  }
}
