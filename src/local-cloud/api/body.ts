import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import { ApiError } from '../errors.ts'

const MIB = 1024 * 1024

/** Cloudflare's published limit for the total uncompressed size of a Worker's modules. */
export const maxScriptBytes = 64 * MIB
const maxUploadBytes = maxScriptBytes + MIB
const maxJsonBytes = MIB

/** Reads a whole body. @throws ApiError 10027 above the limit, in bytes */
export async function readBytes(req: IncomingMessage, limit: number): Promise<Buffer> {
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

/** Reads and validates a JSON body. @throws ApiError 10026 or 10027; messages name fields but contain no values */
export async function readJson<T>(
  req: IncomingMessage,
  schema: z.ZodType<T>,
  maxBytes = maxJsonBytes,
): Promise<T> {
  const text = (await readBytes(req, maxBytes)).toString('utf8')
  return parseJson(text, schema, 'invalidBody')
}

/** Parses and validates JSON text. @throws ApiError `refusal`, with a message of the form `path: problem` */
export function parseJson<T>(
  text: string,
  schema: z.ZodType<T>,
  refusal: 'invalidBody' | 'invalidScript',
): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new ApiError(refusal, 'The body is not valid JSON.')
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`)
  throw new ApiError(refusal, problems.slice(0, 5).join('; '))
}

/**
 * Reads a multipart body. Part names are unchanged, because module names may contain slashes.
 * @throws ApiError 10026 or 10027
 */
export async function readMultipart(req: IncomingMessage, maxBytes = maxUploadBytes): Promise<FormData> {
  const contentType = req.headers['content-type'] ?? ''
  if (!contentType.startsWith('multipart/form-data')) {
    throw new ApiError('invalidBody', 'The upload must be multipart/form-data.')
  }
  const body = await readBytes(req, maxBytes)
  try {
    return await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData()
  } catch {
    throw new ApiError('invalidBody', 'The multipart body could not be parsed.')
  }
}

const maxAssetsBytes = 100 * MIB
const maxAssetBytes = 25 * MIB

/**
 * Reads a multipart body of base64-encoded files, each named by its hash. The content type `application/null` means none.
 * @throws ApiError 10026 or 10027
 */
export async function readAssetParts(
  req: IncomingMessage,
): Promise<{ hash: string; contentType: string | null; content: Buffer }[]> {
  const files = []
  for (const [hash, part] of await readMultipart(req, maxAssetsBytes)) {
    if (typeof part === 'string') {
      throw new ApiError('invalidBody', `The part '${hash}' needs a file name and a Content-Type.`)
    }
    const content = Buffer.from(await part.text(), 'base64')
    const contentType = part.type === '' || part.type === 'application/null' ? null : part.type
    files.push({ hash, contentType, content })
  }
  return files
}

/**
 * Reads a whole body that has to arrive within a time. The server itself has no such limit, as requests to Workers may take
 * any time; an error ends the connection, so that the rest is not read.
 * @throws ApiError 10026 (HTTP 408) after `timeoutMs`, or 10027 above the limit
 */
export async function readBytesWithin(
  req: IncomingMessage,
  { limit, timeoutMs }: { limit: number; timeoutMs: number },
): Promise<Buffer> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new ApiError('bodyTimeout')), timeoutMs)
  try {
    return await Promise.race([readBytes(req, limit), late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Reads the body of an upload of one file. @throws ApiError 10027 */
export const readAsset = (req: IncomingMessage): Promise<Buffer> => readBytes(req, maxAssetBytes)
