import type { z } from 'zod'
import { type FieldFault, invalidRequest } from '../errors.ts'
import { unstorableFields } from '../postgres/storable-text.ts'

/**
 * Parses a part of a request. Text that the database cannot store is always refused.
 * @throws REQ_002 with every fault by path; zod's messages may quote the input and are therefore replaced
 */
export function parse<S extends z.ZodType>(schema: S, value: unknown, where: Where): z.output<S> {
  const fields = unstorableFields(value, where.part)
  if (fields.length === 0) {
    const result = schema.safeParse(value)
    if (result.success) return result.data
    fields.push(...fieldFaults(result.error, where.part))
  }
  throw invalidRequest(where.part, fields, where.status)
}

/** The faults of a value, by path. @param whole the path of a fault that concerns the whole value */
export function fieldFaults(error: z.ZodError, whole: string): FieldFault[] {
  return error.issues.flatMap((issue) => faultsOf(issue, whole))
}

interface Where {
  part: 'body' | 'query' | 'path'
  status: number
}

function faultsOf(issue: z.core.$ZodIssue, part: string): FieldFault[] {
  const at = (...keys: PropertyKey[]) => [...issue.path, ...keys].map(String).join('.') || part
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: at(key), problem: 'unknown field' }))
    case 'invalid_type':
      return [{ path: at(), problem: `expected ${issue.expected}` }]
    case 'invalid_value':
      if (!issue.message.startsWith('Invalid')) return [{ path: at(), problem: issue.message }]
      return [{ path: at(), problem: `expected one of ${issue.values.map(String).join(', ')}` }]
    case 'too_small':
      return [{ path: at(), problem: `expected at least ${issue.minimum} ${unit(issue.origin)}`.trim() }]
    case 'too_big':
      return [{ path: at(), problem: `expected at most ${issue.maximum} ${unit(issue.origin)}`.trim() }]
    case 'custom':
      return [{ path: at(), problem: issue.message }]
    case 'invalid_format':
      return [
        {
          path: at(),
          problem: issue.message.startsWith('Invalid') ? `expected ${issue.format}` : issue.message,
        },
      ]
    default:
      return [{ path: at(), problem: 'not valid' }]
  }
}

function unit(origin: string): string {
  if (origin === 'string') return 'characters'
  return origin === 'array' || origin === 'set' ? 'items' : ''
}
