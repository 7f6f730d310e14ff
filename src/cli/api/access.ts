import { resolve } from 'node:path'
import { holdsInstallation } from '../../platform/installation/index.ts'
import { contextStore, localName } from '../contexts/store.ts'
import { UsageFault } from '../faults.ts'
import type { ApiAccess } from './client.ts'
import { fetchVia } from './fetch-via.ts'
import { tokenFile } from './token-file.ts'

/** Creates an API token in the embedded database; undefined if there is no account that can own it. */
export type MakeToken = (databaseUrl: string) => Promise<string | undefined>

export interface AccessOptions {
  /** Tells the user which service was chosen where that may surprise. */
  note?: ((line: string) => void) | undefined
  /** The value of `--context`. */
  context?: string | undefined
  /** The variables of the shell, without those of a `.env`; default: the same. */
  shellEnv?: NodeJS.ProcessEnv
}

/**
 * The API's address and credentials. The first match counts: `CAPSTAN_URL` of the shell, `--context`, an installation in
 * `DATA_DIR`, the current context, `CAPSTAN_URL` of a `.env`, the service on this machine. `CAPSTAN_TOKEN` takes the place
 * of the token of the chosen service; that of a `.env` is sent to no context. The token of a context, or of this machine,
 * is sent to no other address.
 */
export async function findAccess(
  env: NodeJS.ProcessEnv,
  make: MakeToken,
  { note, context, shellEnv = env }: AccessOptions = {},
): Promise<ApiAccess> {
  const { CAPSTAN_URL: url } = env
  if (shellEnv.CAPSTAN_URL) return accessToUrl(env, shellEnv.CAPSTAN_URL, { note, context })
  // A file with an address may come with a repository: then its DATA_DIR hides no context, either.
  const trusted = url ? shellEnv : env
  const chosen = chosenContext(trusted, context)
  if (chosen !== undefined) {
    const { name, url: address, token: own } = contextStore(env).get(chosen)
    if (url && url !== address && context === undefined)
      note?.(`note: CAPSTAN_URL of the .env is ignored, because the current context is ${name}`)
    const token = given(shellEnv.CAPSTAN_TOKEN || own)
    const access = { url: address, token, fetch: await fetchVia(env, address) }
    return { ...access, chosenBy: `the context ${name}` }
  }
  const isNamed = context !== undefined || namesInstallation(trusted)
  if (url && !isNamed) return accessToUrl(env, url, { note })
  const { findService } = await import('../target/service.ts')
  const { url: found, embedded } = findService(env, note)
  const chosenBy = 'the service on this machine'
  // The token of a file with an address is for that address.
  const { CAPSTAN_TOKEN: token } = trusted
  if (token) return { url: found, token: given(token), chosenBy }
  if (embedded === undefined)
    throw new UsageFault(`CAPSTAN_TOKEN is not set; it must be an API token of ${found}`)
  const { dataDir, databaseUrl } = embedded
  return { url: found, token: tokenFile(dataDir, () => makeToken(make, databaseUrl)), chosenBy }
}

/** Removes trailing slashes. @throws UsageFault for anything but an http(s) URL; its text is not repeated */
export function serviceUrl(text: string, name: string): string {
  const { username, password } = URL.parse(text) ?? {}
  if (!/^https?:\/\/[^\s/?#@]+[^\s?#]*$/.test(text) || username !== '' || password !== '')
    throw new UsageFault(`${name} is not an http(s) URL, or has a user name`)
  return text.replace(/\/+$/, '')
}

async function accessToUrl(
  env: NodeJS.ProcessEnv,
  text: string,
  { note, context }: AccessOptions,
): Promise<ApiAccess> {
  const url = serviceUrl(text, 'CAPSTAN_URL')
  const store = contextStore(env)
  const named = context === undefined || context === localName ? undefined : store.get(context)
  if (context !== undefined && named?.url !== url)
    note?.(`note: CAPSTAN_URL is set, so --context ${context} is ignored; unset it to use the context`)
  // All contexts are read only if one is needed: a damaged file must not stop a command that has its token.
  const ofContext = () => (named?.url === url ? named : store.list().find((each) => each.url === url))?.token
  const token = env.CAPSTAN_TOKEN || ofContext()
  if (!token)
    throw new UsageFault(
      'CAPSTAN_TOKEN is not set; it must be an API token of CAPSTAN_URL (or sign in with capstan login)',
    )
  return { url, token: given(token), fetch: await fetchVia(env, url), chosenBy: 'CAPSTAN_URL' }
}

/** The name of the context that decides; undefined for the service on this machine. */
export function chosenContext(env: NodeJS.ProcessEnv, option: string | undefined): string | undefined {
  if (option !== undefined) return option === localName ? undefined : option
  // The folder was named for this command, or for this shell: that is more than a choice of an earlier day.
  if (namesInstallation(env)) return undefined
  return contextStore(env).current()
}

const namesInstallation = ({ DATA_DIR: folder }: NodeJS.ProcessEnv): boolean =>
  Boolean(folder) && holdsInstallation(resolve(folder ?? ''))

/** A token that was given cannot be replaced: a refusal is final. */
const given = (token: string) => async (refused?: string) => (refused === undefined ? token : undefined)

async function makeToken(make: MakeToken, databaseUrl: string | undefined): Promise<string> {
  const { isDatabaseUnavailable } = await import('../../platform/postgres/unavailable.ts')
  const { Unreachable } = await import('./unreachable.ts')
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
