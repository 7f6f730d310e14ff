import { UsageFault } from '../faults.ts'
import type { ApiAccess } from './client.ts'
import { fetchVia } from './fetch-via.ts'
import { tokenFile } from './token-file.ts'

/** Creates an API token in the embedded database; undefined if there is no account that can own it. */
export type MakeToken = (databaseUrl: string) => Promise<string | undefined>

/**
 * The API's address and credentials: `CAPSTAN_URL` and `CAPSTAN_TOKEN`, or those of the service on this machine. The token
 * of this machine is never sent to a `CAPSTAN_URL`.
 * @param note tells the user which service was chosen, if it is not the one of DATA_DIR
 */
export async function findAccess(
  env: NodeJS.ProcessEnv,
  make: MakeToken,
  note?: (line: string) => void,
): Promise<ApiAccess> {
  const { CAPSTAN_URL: url, CAPSTAN_TOKEN: token } = env
  if (url) {
    if (!/^https?:\/\/[^\s/?#@]+[^\s?#]*$/.test(url))
      throw new UsageFault('CAPSTAN_URL is not an http(s) URL')
    if (!token) throw new UsageFault('CAPSTAN_TOKEN is not set; it must be an API token of CAPSTAN_URL')
    return { url: url.replace(/\/+$/, ''), token: given(token), fetch: await fetchVia(env, url) }
  }
  const { findService } = await import('../target/service.ts')
  const { url: found, embedded } = findService(env, note)
  if (token) return { url: found, token: given(token) }
  if (embedded === undefined)
    throw new UsageFault(`CAPSTAN_TOKEN is not set; it must be an API token of ${found}`)
  const { dataDir, databaseUrl } = embedded
  return { url: found, token: tokenFile(dataDir, () => makeToken(make, databaseUrl)) }
}

/** A token from CAPSTAN_TOKEN cannot be replaced: a refusal is final. */
const given = (token: string) => async (refused?: string) => (refused === undefined ? token : undefined)

async function makeToken(make: MakeToken, databaseUrl: string | undefined): Promise<string> {
  const { isDatabaseUnavailable } = await import('../../platform/postgres/unavailable.ts')
  const { Unreachable } = await import('./client.ts')
  const away = 'Capstan does not run here: start it with npm start, or set CAPSTAN_URL and CAPSTAN_TOKEN'
  if (databaseUrl === undefined) throw new Unreachable(away)
  let token: string | undefined
  try {
    token = await make(databaseUrl)
  } catch (error) {
    throw isDatabaseUnavailable(error) ? new Unreachable(away, { cause: error }) : error
  }
  if (token !== undefined) return token
  throw new UsageFault('There is no active administrator: create one with capstan admin create')
}
