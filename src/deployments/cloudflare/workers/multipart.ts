import { randomUUID } from 'node:crypto'

/** One part of a multipart body. */
export interface FormPart {
  name: string
  filename?: string
  /** The content type. */
  type: string
  /** The number of bytes that `read` yields. */
  size: number
  read(): AsyncIterable<Uint8Array>
}

/** A multipart body whose parts are read while it is sent, so that it need not be in memory. */
export interface MultipartBody {
  contentType: string
  /** In bytes. */
  length: number
  /** The whole body, from its beginning on each call. */
  content(): AsyncIterable<Uint8Array>
}

export function multipart(parts: FormPart[]): MultipartBody {
  const boundary = `----capstan-${randomUUID()}`
  const heads = parts.map((part) => Buffer.from(headOf(part, boundary)))
  const end = Buffer.from(`--${boundary}--\r\n`)
  const sizes = parts.map(({ size }, index) => (heads[index]?.length ?? 0) + size + newline.length)
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    length: sizes.reduce((sum, size) => sum + size, end.length),
    async *content() {
      for (const [index, part] of parts.entries()) {
        yield heads[index] ?? newline
        yield* part.read()
        yield newline
      }
      yield end
    },
  }
}

const newline = Buffer.from('\r\n')

function headOf({ name, filename, type }: FormPart, boundary: string): string {
  const file = filename === undefined ? '' : `; filename="${escaped(filename)}"`
  return `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(name)}"${file}\r\nContent-Type: ${type}\r\n\r\n`
}

/** A name as browsers write it: UTF-8, with three characters escaped. */
const escaped = (name: string) => name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
