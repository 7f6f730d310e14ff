import { z } from 'zod'
import { always, type OperationDescription } from '../../../platform/operations/index.ts'

/** What a signed link contains beside its path; the signature covers all of it. */
const linkQuery = z.object({
  expires: z.string().optional(),
  signature: z.string().optional(),
  disposition: z.string().optional(),
  size: z.string().optional(),
  upload: z.string().optional(),
  part: z.string().optional(),
})
export const storeOperations = {
  readStoredFile: {
    summary: 'Downloads a file of the built-in store by a signed link.',
    description: 'The link is the permission. Ranges and conditional requests are supported.',
    answers: {
      200: {
        description: 'The file',
        content: { '*/*': { bytes: true } },
        headers: { ETag: always('The entity tag'), 'Content-Disposition': always('The name of the file') },
      },
      206: {
        description: 'A range of the file',
        content: { '*/*': { bytes: true } },
        headers: { 'Content-Range': always('The range') },
      },
      304: { description: 'The client has the file' },
    },
    parameters: { query: linkQuery },
    errors: ['ACCESS_003', { code: 'REQ_001', status: 416 }],
  },
  writeStoredFile: {
    summary: 'Sends the bytes of a file, or of a part of it, to the built-in store by a signed link.',
    description: 'The link is the permission.',
    answers: { 200: { description: 'Stored', headers: { ETag: always('The entity tag of the bytes') } } },
    body: { required: true, content: { 'application/octet-stream': { bytes: true } } },
    parameters: { query: linkQuery },
    errors: ['ACCESS_003', 'REQ_001', 'REQ_004', 'SYS_006'],
  },
} satisfies Record<string, OperationDescription>
