import { z } from 'zod'

const expectStatus = z
  .union([z.number().int().min(100).max(599), z.string().regex(/^[1-5]\d\d(-[1-5]\d\d)?$/)], {
    error: 'expected a status or a range of them, like 200 or "200-399"',
  })
  .refine((expected) => {
    const [from = 0, to = from] = String(expected).split('-').map(Number)
    return from <= to
  }, 'expected a range that ends after it begins')
  .default('200-399')

export const healthCheck = z
  .strictObject({
    /** False for apps that answer no requests; omitted, the app is checked. */
    enabled: z.boolean().optional(),
    /** False to check a new version only after it has the traffic, where requests cannot name a version. */
    beforeTraffic: z.boolean().optional(),
    path: z
      .string()
      .regex(/^\/[\x21-\x7e]*$/, 'expected a path that starts with /')
      .max(1000)
      .default('/'),
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).optional(),
    /** The host name to check, in place of the workers.dev address or the first host name of the plan. */
    host: z
      .string()
      .max(253)
      .toLowerCase()
      .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'expected a host name')
      .optional(),
    expectStatus,
    timeoutSeconds: z.number().int().min(1).max(900).default(120),
  })
  .prefault({})

export type HealthCheck = z.output<typeof healthCheck>
