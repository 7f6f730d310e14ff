import type { Fetch } from '../../../client/src/index.ts'
import { createProxyChoice } from '../../platform/network/proxies.ts'

/** A `fetch` that uses `HTTPS_PROXY` and related variables; never for addresses of this machine. */
export async function fetchVia(env: NodeJS.ProcessEnv, url: string): Promise<Fetch> {
  const uri = createProxyChoice(env)(new URL(url))
  if (uri === undefined) return globalThis.fetch
  const { ProxyAgent, fetch } = await import('undici')
  const dispatcher = new ProxyAgent({ uri })
  const through = (target: string, init: object) => fetch(target, { ...init, dispatcher })
  // The types of the package and of Node's built-in copy differ only in name.
  return through as unknown as Fetch
}
