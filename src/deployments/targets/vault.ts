import type { Knex } from 'knex'
import { dependencyFailed } from '../../platform/errors.ts'
import type { Secrets } from '../../platform/secrets.ts'
import type { CloudflareCredentials, Environment } from '../config.ts'
import { deleteCredentials, findCredentials, putCredentials, resealToken } from './store.ts'

/** The stored credentials of environments. Nothing is cached, so that all processes see a change at once. */
export interface Vault {
  /** @throws STATE_003 if the key that sealed them is no longer configured */
  open(environment: Environment): Promise<CloudflareCredentials | undefined>
  updatedAt(environment: Environment): Promise<Date | undefined>
  put(environment: Environment, given: CloudflareCredentials & { updatedBy: string }): Promise<Date>
  remove(environment: Environment): Promise<void>
  /** Housekeeping after a key rotation: seals credentials of older keys with the present one. @returns the number */
  reseal(): Promise<number>
}

/** The sealing context, which prevents opening a row that was moved to the other environment. */
const contextOf = (environment: Environment) => `cloudflare-credentials:${environment}`

export function createVault(db: Knex, secrets: Secrets): Vault {
  function unseal(environment: Environment, sealedToken: string): string {
    try {
      return secrets.open(sealedToken, contextOf(environment))
    } catch (error) {
      throw dependencyFailed(`The Cloudflare credentials of ${environment} cannot be decrypted`, {
        cause: error,
        retryable: false,
        details: { environment, checks: { resources: 'pass', quotas: 'pass', dependencies: 'fail' } },
        suggestedAction:
          'Set SECRET_KEY_PREVIOUS to the key that sealed the credentials, or store them again',
      })
    }
  }

  /** Undefined if no configured key opens the token. Its use fails with an error; housekeeping skips it. */
  function unsealIfPossible(environment: Environment, sealedToken: string): string | undefined {
    try {
      return unseal(environment, sealedToken)
    } catch {
      return undefined
    }
  }

  return {
    async open(environment) {
      const stored = await findCredentials(db, environment)
      if (stored === undefined) return undefined
      return { accountId: stored.accountId, apiToken: unseal(environment, stored.sealedToken) }
    },
    updatedAt: async (environment) => (await findCredentials(db, environment))?.updatedAt,
    put(environment, { accountId, apiToken, updatedBy }) {
      const sealedToken = secrets.seal(apiToken, contextOf(environment))
      return putCredentials(db, environment, { accountId, sealedToken, updatedBy })
    },
    remove: (environment) => deleteCredentials(db, environment),
    async reseal() {
      let resealed = 0
      for (const environment of ['staging', 'production'] as const) {
        const stored = await findCredentials(db, environment)
        if (stored === undefined || secrets.isCurrent(stored.sealedToken)) continue
        const apiToken = unsealIfPossible(environment, stored.sealedToken)
        if (apiToken === undefined) continue
        const seals = { old: stored.sealedToken, new: secrets.seal(apiToken, contextOf(environment)) }
        if (await resealToken(db, environment, seals)) resealed += 1
      }
      return resealed
    },
  }
}
