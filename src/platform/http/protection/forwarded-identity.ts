import type { IncomingHttpHeaders } from 'node:http'
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import type { Authenticate, Principal } from '../../auth.ts'
import { badCredential } from '../../errors.ts'
import type { Logger } from '../../logging/logging.ts'

const prefix = 'x-authentik-'
const username = `${prefix}username`

/**
 * At most one log line per source in this time, and at most this many sources are tracked: a flood must not fill the
 * log.
 */
const warnEveryMs = 10 * 60_000
const maxTrackedSources = 1000

/**
 * Removes the identity headers of a forward-auth proxy from every request that does not come directly from a trusted
 * proxy, before any other handler runs. The socket's peer decides: `X-Forwarded-For` is set by clients, too.
 * @param trusts true for a peer's address in `TRUSTED_PROXIES`
 */
export function stripForgedIdentity(
  trusts: (address: string, hop: number) => boolean,
  log: Logger,
): RequestHandler {
  const warnedAt = new Map<string, number>()

  function warn(address: string): void {
    const now = performance.now()
    const last = warnedAt.get(address)
    if (last !== undefined && now - last < warnEveryMs) return
    if (warnedAt.size >= maxTrackedSources) warnedAt.delete(warnedAt.keys().next().value ?? '')
    warnedAt.set(address, now)
    log.warn({ address }, 'removed identity headers of an address that is not in TRUSTED_PROXIES')
  }

  return (req: Request, _res: Response, next: NextFunction) => {
    if (hasIdentity(req.headers)) {
      const peer = req.socket.remoteAddress ?? ''
      if (peer === '' || !trusts(peer, 0)) {
        warn(peer)
        for (const name of Object.keys(req.headers)) if (name.startsWith(prefix)) delete req.headers[name]
        req.rawHeaders = withoutIdentity(req.rawHeaders)
      } else if (count(req.rawHeaders, username) > 1) {
        // The proxy appends its header instead of replacing the client's, so the genuine one is unknown.
        req.headers[username] = ''
      }
    }
    next()
  }
}

/** Runs for every request and therefore builds no list of the headers. */
function hasIdentity(headers: IncomingHttpHeaders): boolean {
  for (const name in headers) if (name.startsWith(prefix)) return true
  return false
}

/** @param raw names and values in alternation */
function withoutIdentity(raw: string[]): string[] {
  return raw.filter((_, index) => !raw[index - (index % 2)]?.toLowerCase().startsWith(prefix))
}

const count = (raw: string[], name: string) =>
  raw.filter((each, index) => index % 2 === 0 && each.toLowerCase() === name).length

/**
 * Authenticates the scheme `forwarded`: the user that the proxy's forward auth names. `stripForgedIdentity` has already
 * removed headers that do not come from a trusted proxy. @throws ACCESS_002 for an invalid name
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
      permissions: readPermissions,
      rateLimit,
      stillValid: always,
    }
  }
}

/** The proxy authenticates every request itself. */
const always = async () => true

const readPermissions: Principal['permissions'] = new Set(['releases:read'])

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
 * Decodes a header as UTF-8, which identity providers send; Node decodes each byte as one character. The text is
 * normalized, since a name may be composed or decomposed. Undefined for bytes that are not UTF-8.
 */
function utf8Of(value: string): string | undefined {
  try {
    return decoder.decode(Buffer.from(value, 'latin1')).normalize('NFC')
  } catch {
    return undefined
  }
}
