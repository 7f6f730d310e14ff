import { z } from 'zod'
import type { CloudContext } from '../../context.ts'
import { readJson } from '../body.ts'
import type { Router } from '../router.ts'

const texts = z.array(z.string().nullable())
const point = z.strictObject({ indexes: texts, blobs: texts, doubles: z.array(z.number()) })
const pointBody = z.strictObject({ script: z.string(), point })
const emailBody = z.strictObject({ script: z.string(), email: z.record(z.string(), z.unknown()) })
/** Cloudflare's limit for an email with its attachments, which base64 enlarges. */
const maxEmailBytes = 40 * 1024 * 1024
const maxRows = 1000

/** The routes to which the recorder inside the Workers' processes sends. They are not part of Cloudflare's API. */
export function recordRoutes(router: Router, { store, clock }: CloudContext): void {
  router
    .on('POST /recorded/analytics/{dataset}', async ({ req, param }) => {
      const { script, point: written } = await readJson(req, pointBody)
      store.transaction(() => store.recordings.addPoint(param('dataset'), script, written, clock()))
      return { result: null }
    })
    .on('POST /recorded/emails', async ({ req }) => {
      const { script, email } = await readJson(req, emailBody, maxEmailBytes)
      store.transaction(() => store.recordings.addEmail(script, email, clock()))
      return { result: null }
    })
}

/** The routes that show what apps wrote. They are not part of Cloudflare's API, and need its token. */
export function recordedRoutes(router: Router, { store }: CloudContext): void {
  const page = (query: URLSearchParams) => ({
    after: Number(query.get('after')) || 0,
    limit: Math.min(Math.max(Number(query.get('limit')) || 100, 1), maxRows),
  })
  router
    .on('GET /analytics', () => ({ result: store.recordings.datasets() }))
    .on('GET /analytics/{dataset}', ({ param, query }) => ({
      result: store.recordings.points(param('dataset'), page(query)),
    }))
    .on('GET /emails', ({ query }) => ({ result: store.recordings.emails(page(query)) }))
}
