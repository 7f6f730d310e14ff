import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { SampleService } from './service.ts'

/** Times at which versions of one container began to run. */
interface SampleContainer {
  environment: string
  path: string
  image: string
  versions: Record<string, string>
}

const client = 'sample'
const containers: SampleContainer[] = [
  {
    environment: 'production',
    path: 'shop/Deployment/checkout/server',
    image: 'checkout',
    versions: {
      '1.4.0': '2026-01-12T09:00:00Z',
      '1.5.0': '2026-02-03T14:30:00Z',
      '1.4.1': '2026-02-03T16:10:00Z',
    },
  },
  {
    environment: 'production',
    path: 'shop/StatefulSet/search/index',
    image: 'search',
    versions: { '7.2.0': '2026-01-05T08:00:00Z', '7.3.0': '2026-03-18T11:45:00Z' },
  },
  {
    environment: 'staging',
    path: 'shop/Deployment/checkout/server',
    image: 'checkout',
    versions: { '1.5.0': '2026-01-30T10:00:00Z', '1.6.0': '2026-03-20T10:00:00Z' },
  },
  {
    environment: 'staging',
    path: 'shop/CronJob/report/report',
    image: 'report',
    versions: { '0.9.2': '2026-02-14T06:00:00Z' },
  },
]

/**
 * Records releases of a sample cluster at fixed times, so that a repetition changes nothing.
 * @returns what was recorded, for the report
 */
export async function seedClusterHistory({ api }: SampleService): Promise<string> {
  let recorded = 0
  for (const { environment, path, image, versions } of containers) {
    for (const [tag, releasedAt] of Object.entries(versions)) {
      const json = {
        image_tag: tag,
        image_sha: `sha256:${createHash('sha256').update(`${image}:${tag}`).digest('hex')}`,
        image_repo: 'registry.example.org/team',
        image_name: image,
        client_name: client,
        env_name: environment,
        released_at: releasedAt,
      }
      await api.call(z.unknown(), { method: 'PUT', path: `/api/collect/${path}`, json })
      recorded++
    }
  }
  return `${recorded} releases of a sample cluster recorded`
}
