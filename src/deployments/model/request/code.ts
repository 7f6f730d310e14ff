import { z } from 'zod'
import { moduleTypes } from '../worker-module.ts'
import { digest, hasControls, uniqueItems } from './names.ts'

const encoder = new TextEncoder()

/** A relative path. Frameworks write names like `[slug].func.js` and `(site)/page.js`. */
const moduleName = z
  .string()
  .min(1)
  .refine((name) => encoder.encode(name).length <= 512, 'expected at most 512 bytes')
  .refine((name) => !/^[/\\]/.test(name), 'expected a relative path')
  .refine((name) => !name.split(/[/\\]/).includes('..'), 'must not contain ..')
  .refine((name) => !hasControls(name), 'must not contain control characters')
  .refine((name) => name !== 'metadata', 'is reserved: Cloudflare uses it for the settings of an upload')

const module = z
  .strictObject({
    name: moduleName,
    type: z.enum(moduleTypes),
    /** The bytes, or the digest of bytes that were sent before as a blob. */
    content: z.base64('expected base64').optional(),
    digest: digest.optional(),
  })
  .refine(({ content, digest: sent }) => (content === undefined) !== (sent === undefined), {
    path: ['content'],
    error: 'give either content or digest',
  })

export const modules = z.array(module).min(1).max(5000)
export type ModuleRequest = z.output<typeof module>

/** The settings of the runtime. An omitted part does not change. */
export const compatibility = z.strictObject({
  date: z.iso.date('expected a date like 2026-07-01').optional(),
  flags: z
    .array(z.string().regex(/^[A-Za-z0-9_:.-]{1,100}$/, 'expected the name of a compatibility flag'))
    .max(100)
    .refine(uniqueItems, 'names a flag twice')
    .optional(),
})

/** The complete settings of the runtime; the date is null for a script that has none. */
export interface Compatibility {
  date: string | null
  flags: string[]
}
