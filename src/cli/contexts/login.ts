import { hostname } from 'node:os'
import { type CapstanClient, createClient, isApiError } from '../../../client/src/index.ts'
import type { Permission } from '../../platform/auth.ts'
import { chosenContext, serviceUrl } from '../api/access.ts'
import { fetchVia } from '../api/fetch-via.ts'
import { readSecret } from '../commands/secret-input.ts'
import type { CommandDeps } from '../deps.ts'
import { UsageFault } from '../faults.ts'
import { type Output, plain } from '../output.ts'
import { type Context, contextStore, nameOfUrl, requireContextName } from './store.ts'

/** The options of `capstan login`. */
export interface LoginFlags {
  name?: string
  username?: string
  scope?: string[]
  expires?: string
}

interface Console {
  deps: CommandDeps
  out: Output
}

/**
 * Signs in to a service, keeps a token for it as a context, and makes that the current one. With a user name, the token is
 * created for this; otherwise the user gives one.
 */
export async function login(
  { deps, out }: Console,
  url: string | undefined,
  flags: LoginFlags,
): Promise<void> {
  const store = contextStore(deps.env)
  const address = await addressOf(deps, url)
  const name = flags.name ?? nameOfUrl(address)
  requireContextName(name)
  const before = store.find(name)
  if (before !== undefined && before.url !== address)
    throw new UsageFault(`The context ${name} is for ${before.url}: choose another name with --name`)
  if (isUnencrypted(address))
    out.warn(`warning: ${address} is not encrypted: others may read the token on its way`)
  const fetch = await fetchVia(deps.env, address)
  const connect = (token: string) => createClient({ url: address, auth: { token }, fetch, patienceMs: 0 })
  const credential = await askCredential(deps, address, flags)
  const { token, tokenId } =
    'token' in credential
      ? { token: credential.token, tokenId: undefined }
      : await makeToken(
          { anonymous: createClient({ url: address, fetch, patienceMs: 0 }), connect, out },
          credential,
          flags,
        )
  const api = connect(token)
  const save = async () => {
    const { username } = await api.call('getOwnAccount')
    store.save({ name, url: address, token, username, ...(tokenId === undefined ? {} : { tokenId }) })
    return username
  }
  const username = await orRevoke(save, { api, tokenId, out })
  if (before?.tokenId !== undefined) await revokeQuietly(api, before.tokenId)
  out.answer([`Signed in to ${address} as ${username}; the current context is ${name}`], {
    context: name,
    url: address,
    username,
    token_id: tokenId ?? null,
  })
  const { CAPSTAN_URL, CAPSTAN_TOKEN } = deps.shellEnv
  const set = [CAPSTAN_URL && 'CAPSTAN_URL', CAPSTAN_TOKEN && 'CAPSTAN_TOKEN'].filter(Boolean)
  if (set.length > 0) out.warn(`note: ${set.join(' and ')} in the environment count before the context`)
}

/**
 * The address to sign in to: the given one, that of CAPSTAN_URL, of the current context, or of the service here. A `.env`
 * may come with somebody's repository, so its CAPSTAN_URL does not decide where a password is sent.
 */
async function addressOf(deps: CommandDeps, url: string | undefined): Promise<string> {
  const { env, shellEnv, prompt } = deps
  if (url !== undefined) return serviceUrl(/^[a-z]+:\/\//i.test(url) ? url : `https://${url}`, 'The address')
  if (shellEnv.CAPSTAN_URL) return serviceUrl(shellEnv.CAPSTAN_URL, 'CAPSTAN_URL')
  const current = chosenContext(env, undefined)
  if (current !== undefined) return contextStore(env).get(current).url
  if (!prompt.interactive) throw new UsageFault('Say where to sign in: capstan login URL')
  const answer = (await prompt.ask('Address of the service: ')).trim()
  return addressOf(deps, answer === '' ? ' ' : answer)
}

type Credential = { token: string } | { username: string; password: string }

async function askCredential(
  deps: CommandDeps,
  service: string,
  { username }: LoginFlags,
): Promise<Credential> {
  const passwordOf = async (name: string) => ({
    username: name,
    password: await readSecret(deps, { what: 'password', service, variable: 'CAPSTAN_PASSWORD' }),
  })
  if (username !== undefined) return passwordOf(username)
  if (!deps.prompt.interactive) return { token: await readSecret(deps, { what: 'API token' }) }
  const place = plain(service)
  const question = `API token for ${place} (empty: sign in with name and password): `
  const token = await deps.prompt.ask(question, { hidden: true })
  if (token.trim() !== '') return { token: token.trim() }
  const name = (await deps.prompt.ask(`User name for ${place}: `)).trim()
  if (name === '') throw new UsageFault('The user name is missing')
  return passwordOf(name)
}

interface Connections {
  anonymous: CapstanClient
  connect(token: string): CapstanClient
  out: Output
}

/** Creates an API token with a session that ends at once: the token can be limited, seen and revoked on its own. */
async function makeToken(
  { anonymous, connect, out }: Connections,
  credential: { username: string; password: string },
  { scope, expires }: LoginFlags,
): Promise<{ token: string; tokenId: string }> {
  const { access_token } = await anonymous.call('signIn', { body: credential })
  const session = connect(access_token)
  const body = {
    name: `capstan login on ${hostname()}`.slice(0, 100),
    ...(scope && { scopes: scope as Permission[] }),
    ...(expires && { expires_at: expires }),
  }
  const created = await session.call('createToken', { body }).catch(async (error: unknown) => {
    // The cause is the refusal, whatever becomes of the session.
    await session.call('signOut').catch(() => undefined)
    throw error
  })
  const { token, id: tokenId } = created
  await orRevoke(() => session.call('signOut'), { api: connect(token), tokenId, out })
  return { token, tokenId }
}

/** Revokes a created token if the action fails: it would stay valid, and nobody would have it. */
async function orRevoke<T>(
  action: () => Promise<T>,
  { api, tokenId, out }: { api: CapstanClient; tokenId: string | undefined; out: Output },
): Promise<T> {
  try {
    return await action()
  } catch (error) {
    const isRevoked =
      tokenId === undefined ||
      (await api.call('revokeToken', { path: { id: tokenId } }).then(
        () => true,
        () => false,
      ))
    if (!isRevoked)
      out.warn(`warning: the created token stays valid: revoke it with capstan tokens revoke ${tokenId}`)
    throw error
  }
}

/**
 * Revokes the token that `login` has created, and removes the context.
 * @returns false if the token stays valid
 */
export async function logout({ deps, out }: Console, name: string | undefined): Promise<boolean> {
  const store = contextStore(deps.env)
  const chosen = name ?? store.current()
  if (chosen === undefined) throw new UsageFault('There is no current context; name one: capstan logout NAME')
  const context = store.get(chosen)
  const revoked = await revoke(deps, context)
  store.remove(chosen)
  const kept =
    context.tokenId === undefined
      ? 'its token was not created by capstan login and stays valid: revoke it with capstan tokens revoke'
      : `its token ${context.tokenId} could not be revoked and stays valid: ${revoked.reason}`
  if (!revoked.done) out.warn(`warning: ${kept}`)
  out.answer([`Signed out of ${context.url}; the context ${chosen} is removed`], {
    context: chosen,
    url: context.url,
    revoked: revoked.done,
  })
  return revoked.done || context.tokenId === undefined
}

async function revoke(
  { env }: CommandDeps,
  { url, token, tokenId }: Context,
): Promise<{ done: boolean; reason: string }> {
  if (tokenId === undefined) return { done: false, reason: '' }
  try {
    const fetch = await fetchVia(env, url)
    const api = createClient({ url, auth: { token }, fetch, patienceMs: 0 })
    await api.call('revokeToken', { path: { id: tokenId } })
    return { done: true, reason: '' }
  } catch (error) {
    // A token that is not accepted any more needs no revocation.
    if (isApiError(error, 'ACCESS_001', 'ACCESS_002')) return { done: true, reason: '' }
    return { done: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

/** Revokes the token of an earlier sign-in; one that is gone or not ours any more needs no revocation. */
async function revokeQuietly(api: CapstanClient, id: string): Promise<void> {
  await api.call('revokeToken', { path: { id } }).catch((error: unknown) => {
    if (!isApiError(error)) throw error
  })
}

function isUnencrypted(url: string): boolean {
  const { protocol, hostname: host } = new URL(url)
  return protocol === 'http:' && !/^(localhost|127(\.\d+){3}|\[::1\]|.*\.localhost)$/.test(host)
}
