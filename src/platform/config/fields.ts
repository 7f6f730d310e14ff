import { isIP } from 'node:net'
import { z } from 'zod'

/** A variable that is absent or says something. */
export const flag = (name: string) => z.string().min(1, `${name} is set but empty`).optional()

export const port = (fallback: number) =>
  z.coerce
    .number('expected a port number')
    .int('expected a port number')
    .min(0, 'expected a port number')
    .max(65535, 'expected a port number')
    .default(fallback)

export const httpUrl = z.url({ protocol: /^https?$/, error: 'expected an http(s) URL' })

/** The parts of a comma-separated list, trimmed, without empty ones. */
export const listOf = (text: string) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)

/** An address, or a network with its prefix length. */
export function isAddress(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return bits === undefined || (/^\d+$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}
