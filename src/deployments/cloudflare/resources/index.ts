import { CloudError } from '../errors.ts'
import type { CloudHttp } from '../http.ts'
import { createDatabases } from './databases.ts'
import { createKinds } from './kinds.ts'
import type { ResourceApi } from './types.ts'

export type { DatabaseApi, ResourceApi } from './types.ts'

/** A client for the resources of one account. */
export function createResourceApi(http: CloudHttp, accountId: string): ResourceApi {
  const account = `/accounts/${accountId}`
  const kinds = createKinds(http, account)
  return {
    find: (resource, signal) => kinds[resource.type].find(resource, signal),
    exists: (resource, signal) => kinds[resource.type].exists(resource, signal),
    async create(resource, signal) {
      const kind = kinds[resource.type]
      try {
        return await kind.create(resource, signal)
      } catch (error) {
        // The answer to an earlier call was lost, or another client was faster: names are unique within an account.
        if (!(error instanceof CloudError) || error.status >= 500) throw error
        const found = await kind.find(resource, signal)
        if (found === undefined) throw error
        return found
      }
    },
    databases: createDatabases(http, `${account}/d1/database`),
  }
}
