import { isIP } from 'node:net'
import { z } from 'zod'
import { instant } from '../platform/instant.ts'
import { canonicalAddress } from '../platform/network/ip-address.ts'
import { isNodeAddress } from './node/addresses.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters can't be stored, or would forge a line
const printable = /^[^\u0000-\u001f\u007f-\u009f]*$/
const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(printable, 'control characters are not allowed')
    .regex(/^\S(.*\S)?$/u, 'must not begin or end with a space')

export const nodeName = text(100)
/** Accepts any spelling of an address and returns the canonical one, which the database stores. */
export const ipAddress = z
  .string()
  .refine((address) => isIP(address) !== 0 && !address.includes('%'), {
    error: 'expected an IP address',
    abort: true,
  })
  .refine(isNodeAddress, 'link-local, unspecified, multicast and reserved addresses are not allowed')
  .transform(canonicalAddress)
export const pubkey = z
  .string()
  .max(100)
  .regex(/^[\x21-\x7e]+$/, 'expected the key in base64')
export const rpcPort = z.int().min(1).max(65_535)

export const newNodeBody = z.strictObject({
  name: nodeName,
  ip_address: ipAddress,
  pubkey: pubkey.nullish(),
  rpc_port: rpcPort.optional(),
})
export const nodePatchBody = z
  .strictObject({
    name: nodeName.optional(),
    ip_address: ipAddress.optional(),
    pubkey: pubkey.nullable().optional(),
    rpc_port: rpcPort.optional(),
    is_active: z.boolean().optional(),
  })
  .refine((fields) => Object.keys(fields).length > 0, 'expected at least one field')

const number = (min: number, max: number, fallback: number) =>
  z.coerce.number('expected a number').int('expected a whole number').min(min).max(max).default(fallback)

export const nodePath = z.object({
  id: z.coerce
    .number('expected a number')
    .int()
    .min(1)
    .max(2 ** 31 - 1),
})
export const nodesQuery = z.strictObject({
  active_only: z
    .enum(['true', 'false'])
    .default('true')
    .transform((value) => value === 'true'),
})

/** A time with a zone, or in UTC; the server's own zone is never used. */
const time = instant({ local: true, error: 'expected an ISO 8601 time' })

export const historyQuery = z
  .strictObject({
    page: number(1, 10_000_000, 1),
    page_size: number(1, 1000, 50),
    cursor: z.string().max(200).optional(),
    start_time: time.optional(),
    end_time: time.optional(),
    format: z.enum(['json', 'csv']).default('json'),
  })
  .refine((query) => query.cursor === undefined || query.page === 1, {
    path: ['cursor'],
    message: 'cannot be combined with page',
  })

const hours = number(1, 8760, 24)
export const hoursQuery = z.strictObject({ hours })

/** More points than this would make an answer of tens of megabytes, and no readable chart. */
const maxPoints = 50_000
export const bridgeQuery = z
  .strictObject({ hours, interval_minutes: number(1, 1440, 60) })
  .refine((query) => (query.hours * 60) / query.interval_minutes <= maxPoints, {
    path: ['interval_minutes'],
    message: `expected an interval that makes at most ${maxPoints} points`,
  })

const zonedTime = instant({ error: 'expected an ISO 8601 time with a zone' })
export const newWindowBody = z
  .strictObject({
    scope: z.enum(['all', 'nodes']),
    node_ids: z.array(nodePath.shape.id).min(1).max(1000).optional(),
    from: zonedTime,
    to: zonedTime,
    reason: text(500),
  })
  .refine((window) => window.to > window.from, { path: ['to'], message: 'expected a time after from' })
  .refine((window) => (window.scope === 'nodes') === (window.node_ids !== undefined), {
    path: ['node_ids'],
    message: 'expected with the scope nodes only',
  })
export const windowPath = z.object({ id: z.uuid() })
export const windowsQuery = z.strictObject({
  cursor: z.string().max(200).optional(),
  limit: number(1, 500, 100),
})
