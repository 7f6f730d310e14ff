import { Cron } from 'croner'
import { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { requireScript } from '../scripts/lifecycle.ts'
import type { Schedule } from '../store/schedules.ts'

/** Cloudflare's limit for an account on the paid plan. */
const maxSchedules = 250

export const schedulesBody = z.array(z.looseObject({ cron: z.string().max(100) }))

/**
 * Parses a cron expression in Cloudflare's syntax: five fields in UTC, Sunday is 1, and L, W and # are allowed.
 * @throws ApiError 10100
 */
export function parseCron(cron: string): Cron {
  const fields = cron.trim().split(/\s+/)
  if (fields.length !== 5) throw new ApiError('invalidCron', `invalid cron string: ${cron}`)
  try {
    return new Cron(fields.join(' '), { timezone: 'UTC', paused: true, alternativeWeekdays: true })
  } catch {
    throw new ApiError('invalidCron', `invalid cron string: ${cron}`)
  }
}

/** Replaces the schedules of a script. @throws ApiError 10007, 10072 or 10100 */
export function putSchedules(
  cloud: CloudContext,
  scriptName: string,
  body: z.infer<typeof schedulesBody>,
): Promise<Schedule[]> {
  return cloud.locks.run(scriptName, async () => {
    const { id } = requireScript(cloud, scriptName)
    const crons = [...new Set(body.map(({ cron }) => cron.trim()))]
    for (const cron of crons) parseCron(cron)
    const { schedules } = cloud.store
    const others = schedules.all().filter(({ scriptId }) => scriptId !== id)
    // A smaller list is accepted above the limit, too.
    const grows = crons.length > schedules.of(id).length
    if (grows && others.length + crons.length > maxSchedules) throw new ApiError('tooManyCrons')
    const now = new Date(cloud.clock()).toISOString()
    cloud.store.transaction(() => schedules.replace(id, crons, now))
    return schedules.of(id)
  })
}
