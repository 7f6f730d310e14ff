import { z } from 'zod'
import { signInUrl } from '../accounts/index.ts'
import { type Route, route } from '../platform/http/index.ts'
import { operationsOf } from '../platform/operations/operation.ts'
import { createFiles, parts } from './files.ts'

const operation = operationsOf('reference', () => import('./operations.ts'))

/** The OpenAPI document and its page, for everybody who is signed in. */
export function referenceRoutes(): Route[] {
  const files = createFiles()
  const read = { method: 'get', access: 'signed-in' } as const
  return [
    route({
      ...read,
      ...operation('getOpenApiDocument'),
      path: '/openapi.json',
      handle: async () => ({ prepared: await files('openapi.json') }),
    }),
    route({
      ...read,
      ...operation('showReference'),
      path: '/docs',
      signInPage: signInUrl,
      handle: async () => ({ prepared: await files('page') }),
    }),
    route({
      ...read,
      ...operation('readReferenceFile'),
      path: '/docs/:file',
      params: z.object({ file: z.enum(parts) }),
      handle: async ({ params }) => ({ prepared: await files(params.file) }),
    }),
  ]
}
