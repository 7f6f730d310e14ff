import type { z } from 'zod'
import { type FieldFault, invalidRequest } from '../errors.ts'
import { unstorableFields } from '../postgres/storable-text.ts'

/**
 * Parses a part of a request. Text that the database can't store is refused whatever the schema says.
 * @throws REQ_002 listing every fault by path; zod's own messages may quote the input, so they are rephrased here.
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

/** What is wrong with a value, by path. @param whole what the value is called where the fault is in no part of it. */
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
