import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import { ApiError } from '../errors.ts'

const MIB = 1024 * 1024

/** Cloudflare's published limit for all modules of one Worker together, uncompressed. */
export const maxScriptBytes = 64 * MIB
const maxUploadBytes = maxScriptBytes + MIB
const maxJsonBytes = MIB

async function readBytes(req: IncomingMessage, limit: number): Promise<Buffer> {
  const announced = Number(req.headers['content-length'] ?? 0)
  if (announced > limit) throw new ApiError('tooLarge')
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of req) {
    size += chunk.length
    if (size > limit) throw new ApiError('tooLarge')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Reads and checks a JSON body; unknown fields are refused when the schema is strict. Values are never echoed. */
export async function readJson<T>(req: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  const text = (await readBytes(req, maxJsonBytes)).toString('utf8')
  return parseJson(text, schema, 'invalidBody')
}

/** Parses JSON text against a schema; the error names the fields, as `path: problem`. */
export function parseJson<T>(
  text: string,
  schema: z.ZodType<T>,
  refusal: 'invalidBody' | 'invalidScript',
): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new ApiError(refusal, 'The JSON could not be parsed.')
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`)
  throw new ApiError(refusal, problems.slice(0, 5).join('; '))
}

/** Reads a multipart body. Part names come as sent: module names may hold slashes. */
export async function readMultipart(req: IncomingMessage): Promise<FormData> {
  const contentType = req.headers['content-type'] ?? ''
  if (!contentType.startsWith('multipart/form-data')) {
    throw new ApiError('invalidBody', 'The upload must be multipart/form-data.')
  }
  const body = await readBytes(req, maxUploadBytes)
  try {
    return await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData()
  } catch {
    throw new ApiError('invalidBody', 'The multipart body could not be parsed.')
  }
}
