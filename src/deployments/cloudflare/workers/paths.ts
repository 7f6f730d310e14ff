import { CloudError } from '../errors.ts'

/** The paths of one account below the API's base. */
export interface AccountPaths {
  account: string
  workers: string
  script(name: string): string
}

export function pathsOf(accountId: string): AccountPaths {
  const account = `/accounts/${accountId}`
  const workers = `${account}/workers`
  return { account, workers, script: (name) => `${workers}/scripts/${encodeURIComponent(name)}` }
}

// "Worker not found" and "Worker has no versions" are valid answers for a script that does not exist yet.
const notFoundCodes = new Set([10007, 10090, 10222, 10215])

/** Returns `empty` for a script that does not exist. */
export async function orEmpty<T>(call: Promise<T>, empty: T): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (error instanceof CloudError && notFoundCodes.has(error.code)) return empty
    throw error
  }
}
