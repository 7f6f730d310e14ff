import { z } from 'zod'
import { propertiesOf } from '../../platform/thrown.ts'
import { ipAddress, nodeName, pubkey, rpcPort } from '../schema.ts'

/** A node in a file or the environment; absent fields stay unchanged, or get their defaults. */
export interface NodeEntry {
  /** The entry's position in its source, for the report. */
  where: string
  name: string
  ip: string
  pubkey?: string
  rpcPort?: number
}

export interface Rejected {
  where: string
  name: string | null
  reason: string
}

/** The nodes of a source, and the entries that are invalid. */
export interface Found {
  entries: NodeEntry[]
  rejected: Rejected[]
}

const fields = z.strictObject({
  name: nodeName,
  ip: ipAddress,
  pubkey: pubkey.nullish(),
  rpc_port: rpcPort.nullish(),
})

/** Validates each entry separately: an invalid one does not reject the others. */
export function judge(raw: { where: string; value: unknown }[]): Found {
  const found: Found = { entries: [], rejected: [] }
  for (const { where, value } of raw) {
    const parsed = fields.safeParse(value)
    if (!parsed.success) {
      found.rejected.push({ where, name: nameIn(value), reason: reasonOf(parsed.error, value) })
      continue
    }
    const { name, ip, pubkey: key, rpc_port: port } = parsed.data
    found.entries.push({
      where,
      name,
      ip,
      ...(key != null && { pubkey: key }),
      ...(port != null && { rpcPort: port }),
    })
  }
  return found
}

function nameIn(value: unknown): string | null {
  const { name } = propertiesOf(value)
  return typeof name === 'string' ? name.slice(0, 100) : null
}

function reasonOf(error: z.ZodError, value: unknown): string {
  return error.issues
    .map((issue) => {
      if (issue.code === 'unrecognized_keys') return `unknown field ${issue.keys.join(', ')}`
      const [field] = issue.path
      if (field === undefined) return 'expected an object with name and ip'
      const given = (value as Record<PropertyKey, unknown>)[field]
      return `${String(field)}: ${given === undefined ? 'missing' : problemOf(issue)}`
    })
    .join('; ')
}

function problemOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type')
    return issue.input === undefined ? 'missing' : `expected ${issue.expected}`
  if (issue.code === 'too_small' || issue.code === 'too_big') return 'too long, too short or out of range'
  return issue.message.startsWith('Invalid') ? 'not valid' : issue.message
}
