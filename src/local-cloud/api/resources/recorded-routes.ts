import { z } from 'zod'
import type { CloudContext } from '../../context.ts'
import { ApiError } from '../../errors.ts'
import { readJson } from '../body.ts'
import type { Router } from '../router.ts'

const texts = z.array(z.string().nullable())
/** Cloudflare's limit for the blobs of a data point together, in bytes; its index is far below it. */
const maxTextBytes = 16 * 1024
const bytesOf = (values: (string | null)[]) =>
  values.reduce((sum, value) => sum + Buffer.byteLength(value ?? ''), 0)
const limited = texts.refine((values) => bytesOf(values) <= maxTextBytes, 'must have at most 16 KB')
const point = z.strictObject({ indexes: limited, blobs: limited, doubles: z.array(z.number()) })
const pointBody = z.strictObject({ script: z.string(), point })
const emailBody = z.strictObject({ script: z.string(), email: z.record(z.string(), z.unknown()) })
/** Cloudflare's limit for an email with its attachments, which base64 enlarges. */
const maxEmailBytes = 40 * 1024 * 1024
const rows = { most: 1000, usual: 20 }

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
    after: wholeNumber(query, 'after') ?? 0,
    limit: Math.min(Math.max(wholeNumber(query, 'limit') ?? rows.usual, 1), rows.most),
  })
  router
    .on('GET /analytics', () => ({ result: store.recordings.datasets() }))
    .on('GET /analytics/{dataset}', ({ param, query }) => ({
      result: store.recordings.points(param('dataset'), page(query)),
    }))
    .on('GET /emails', ({ query }) => ({ result: store.recordings.emails(page(query)) }))
}

/** @throws ApiError 10026 for anything but digits */
function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const given = query.get(name)
  if (given === null || given === '') return undefined
  if (!/^\d{1,15}$/.test(given)) throw new ApiError('invalidBody', `${name}: must be a whole number`)
  return Number(given)
}
