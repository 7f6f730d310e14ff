import type { IncomingHttpHeaders } from 'node:http'
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import type { Authenticate, Principal } from '../../auth.ts'
import { badCredential } from '../../errors.ts'
import type { Logger } from '../../logging/logging.ts'

const prefix = 'x-authentik-'
const username = `${prefix}username`

/** One line per source in this time, and no more sources than this are remembered: a flood must not fill the log. */
const quietMs = 10 * 60_000
const rememberedSources = 1000

/**
 * Takes the identity headers of a forward-auth proxy off every request that does not come straight from a trusted
 * one, before anything else sees them. What counts is the socket's peer: `X-Forwarded-For` only repeats what somebody
 * further away has said.
 * @param trusts whether a peer's address is in `TRUSTED_PROXIES`.
 */
export function stripForgedIdentity(
  trusts: (address: string, hop: number) => boolean,
  log: Logger,
): RequestHandler {
  const told = new Map<string, number>()

  function tell(address: string): void {
    const now = performance.now()
    const last = told.get(address)
    if (last !== undefined && now - last < quietMs) return
    if (told.size >= rememberedSources) told.delete(told.keys().next().value ?? '')
    told.set(address, now)
    log.warn({ address }, 'identity headers from an address that is not in TRUSTED_PROXIES were removed')
  }

  return (req: Request, _res: Response, next: NextFunction) => {
    if (hasIdentity(req.headers)) {
      const peer = req.socket.remoteAddress ?? ''
      if (peer === '' || !trusts(peer, 0)) {
        tell(peer)
        for (const name of Object.keys(req.headers)) if (name.startsWith(prefix)) delete req.headers[name]
        req.rawHeaders = withoutIdentity(req.rawHeaders)
      } else if (count(req.rawHeaders, username) > 1) {
        // A proxy that adds its own line instead of replacing the client's: which one is true can't be told.
        req.headers[username] = ''
      }
    }
    next()
  }
}

/** Every request is asked this: without a list of its headers. */
function hasIdentity(headers: IncomingHttpHeaders): boolean {
  for (const name in headers) if (name.startsWith(prefix)) return true
  return false
}

/** Names and values alternate. */
function withoutIdentity(raw: string[]): string[] {
  return raw.filter((_, index) => !raw[index - (index % 2)]?.toLowerCase().startsWith(prefix))
}

const count = (raw: string[], name: string) =>
  raw.filter((each, index) => index % 2 === 0 && each.toLowerCase() === name).length

/**
 * The credential of the scheme `forwarded`: who the proxy's forward auth says is calling. Only what
 * `stripForgedIdentity` has left over gets here. @throws ACCESS_002 for a name that is none.
 */
export function createForwardedIdentity(rateLimit: Principal['rateLimit']): Authenticate {
  return ({ headers }) => {
    const name = nameOf(headers)
    if (name === undefined) return undefined
    return {
      kind: 'forwarded',
      id: `forwarded:${name}`,
      name,
      isAdmin: false,
      permissions: reading,
      rateLimit,
      stillValid: always,
    }
  }
}

/** The proxy asks for every request anew. */
const always = async () => true

const reading: Principal['permissions'] = new Set(['releases:read'])

function nameOf(headers: IncomingHttpHeaders): string | undefined {
  const given = headers[username]
  if (given === undefined) return undefined
  const text = utf8Of(String(given))
  if (text === undefined) throw badCredential(`The forwarded identity is not valid: ${username} is not UTF-8`)
  const name = text.trim()
  const length = [...name].length
  if (length >= 1 && length <= 150 && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) return name
  throw badCredential('The forwarded identity is not valid')
}

const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * A header's value as its sender wrote it: Node makes a character of each byte, and identity providers send UTF-8. One
 * user's name can be written in composed or decomposed characters; it is the same name. Undefined for other bytes.
 */
function utf8Of(value: string): string | undefined {
  try {
    return decoder.decode(Buffer.from(value, 'latin1')).normalize('NFC')
  } catch {
    return undefined
  }
}
