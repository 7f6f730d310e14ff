import { z } from 'zod'

/** The filters of a tail, as `wrangler tail` sends them. Those of other kinds match all events. */
const filter = z.union([
  z.object({ sampling_rate: z.number() }),
  z.object({ outcome: z.array(z.string()) }),
  z.object({ method: z.array(z.string()) }),
  z.object({ header: z.object({ key: z.string(), query: z.string().optional() }) }),
  z.object({ query: z.string() }),
  z.looseObject({}),
])
export const tailBody = z.looseObject({ filters: z.array(filter).optional() })
export type TailFilter = z.infer<typeof filter>

/** The parts of an event that filters read. */
const traced = z.looseObject({
  outcome: z.string(),
  event: z
    .looseObject({
      request: z
        .looseObject({ method: z.string(), headers: z.record(z.string(), z.string()).optional() })
        .optional(),
    })
    .nullish(),
  logs: z.array(z.looseObject({ message: z.unknown() })).default([]),
})

/** True if an event passes all filters. */
export function matchesFilters(event: unknown, filters: TailFilter[]): boolean {
  const parsed = traced.safeParse(event)
  if (!parsed.success) return false
  const { outcome, logs } = parsed.data
  const request = parsed.data.event?.request
  return filters.every((each) => {
    if ('sampling_rate' in each) return Math.random() < Number(each.sampling_rate)
    if (isTexts(each, 'outcome')) return each.outcome.includes(outcome)
    if (isTexts(each, 'method')) return request === undefined || each.method.includes(request.method)
    if ('query' in each) return JSON.stringify(logs).includes(String(each.query))
    if (isHeader(each)) {
      const value = request?.headers?.[each.header.key.toLowerCase()]
      return value?.includes(each.header.query ?? '') ?? false
    }
    return true
  })
}

const isTexts = <K extends 'outcome' | 'method'>(each: TailFilter, key: K): each is { [P in K]: string[] } =>
  key in each && Array.isArray(each[key as keyof TailFilter])

const isHeader = (each: TailFilter): each is { header: { key: string; query?: string | undefined } } =>
  'header' in each && typeof each.header === 'object'
