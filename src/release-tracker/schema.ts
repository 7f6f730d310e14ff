import { z } from 'zod'
import { digitsProblem } from '../platform/hexadecimal.ts'
import { instant } from '../platform/instant.ts'
import { nameShape } from './api-keys.ts'
import { normaliseDigest, parseImagePattern } from './image-reference.ts'
import { parseKind } from './kinds.ts'
import { rolloutStates } from './store/components.ts'

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const subdomain =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/

const kindShape = /^[A-Za-z][A-Za-z0-9]{0,62}$/
// Only Kubernetes' own groups have names without dots.
const kindNameShape =
  /^[A-Za-z][A-Za-z0-9]{0,62}(?:\.(?:apps|batch|(?=.{1,253}$)[a-z0-9]+(?:[.-]+[a-z0-9]+)*\.[a-z0-9]+))?$/

/** A client's or an environment's name. */
export const name = z.string().regex(nameShape, 'expected letters, digits and spaces or . _ @ + - inside')

/** What names a container, by Kubernetes' own rules. */
export const names = {
  namespace: z.string().regex(label, 'expected the name of a namespace'),
  kind: z.string().regex(kindShape, 'expected a kind of workload, such as Deployment'),
  group: z.string().regex(/^$|^(?=.{1,253}$)[a-z0-9.-]+$/, 'expected an API group, such as apps'),
  /** A kind, with or without its API group. */
  kindName: z
    .string()
    .regex(kindNameShape, 'expected a kind of workload, such as Deployment or StatefulSet.apps.kruise.io')
    .transform(parseKind),
  workload: z.string().regex(subdomain, 'expected the name of a workload'),
  container: z.string().regex(label, 'expected the name of a container'),
}

/** ISO 8601 with a zone. */
export const time = instant({ error: 'expected an ISO 8601 time with a zone' })

const digest = z.string().transform((text, ctx) => {
  const normal = normaliseDigest(text)
  if (normal !== undefined) return normal
  ctx.addIssue({
    code: 'custom',
    message: digitsProblem(text, 64, 'expected sha256: and 64 hexadecimal digits'),
  })
  return z.NEVER
})

/** The parts of an image, each by the grammar of references. */
export const image = {
  repo: z
    .string()
    .max(255)
    .regex(/^(?:[A-Za-z0-9.[\]:-]+(?:\/[a-z0-9._/-]+)?)?$/, 'expected a registry and path, such as docker.io')
    .default(''),
  name: z
    .string()
    .max(255)
    .regex(/^(?:[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)?$/, 'expected the name of an image')
    .default(''),
  tag: z.string().regex(/^\w[\w.-]{0,127}$/, 'expected a tag of an image'),
  sha: digest,
}

export const rollout = z.object({
  state: z.enum(rolloutStates),
  pods: z.int().min(0).nullable(),
  images: z
    .array(
      z.object({
        image_tag: z.string().max(128),
        image_sha: digest.nullable(),
        image_shas: z.array(digest).max(100).optional(),
        pods: z.int().min(0),
      }),
    )
    .max(100),
})

export const putParams = z.object({
  namespace: names.namespace,
  kind: names.kindName,
  workload: names.workload,
  container: names.container,
})

export const putBody = z.object({
  image_tag: image.tag,
  image_sha: image.sha,
  image_repo: image.repo,
  image_name: image.name,
  client_name: name.optional(),
  env_name: name.optional(),
  released_at: time.optional(),
})

export const pingBody = z.object({
  client_name: name,
  env_name: name,
  slave_version: z.string().max(100).optional(),
  timestamp: time.optional(),
})

const format = z.enum(['json', 'csv']).default('json')
const limit = z.coerce.number().int().min(1).max(1000)
const cursor = z.string().max(500).optional()

const imagePattern = z.string().transform((text, ctx) => {
  const pattern = parseImagePattern(text)
  if (pattern !== undefined) return pattern
  ctx.addIssue({ code: 'custom', message: 'expected the name of an image, such as app or registry/team/app' })
  return z.NEVER
})

/** What runs or ran, by its image. */
const ofImage = {
  image: imagePattern.optional(),
  tag: image.tag.optional(),
  digest: image.sha.optional(),
}

export const currentQuery = z.strictObject({
  client_name: name.optional(),
  env_name: name.optional(),
  namespace: names.namespace.optional(),
  ...ofImage,
  at: time.optional(),
  format,
  cursor,
  limit: limit.max(10_000).optional(),
})
export type CurrentQuery = z.output<typeof currentQuery>

export const historyParams = z.object({
  client: name,
  env: name,
  namespace: names.namespace,
  workload: names.workload,
  container: names.container,
})

/** The history of all containers: with at least one of `namespace`, `image`, `tag` and `digest`. */
export const historySearchQuery = z.strictObject({
  client_name: name.optional(),
  env_name: name.optional(),
  namespace: names.namespace.optional(),
  ...ofImage,
  kind: names.kindName.optional(),
  format,
  cursor,
  limit: limit.default(100),
})

export const historyQuery = z.strictObject({
  ...ofImage,
  kind: names.kindName.optional(),
  format,
  cursor,
  limit: limit.default(100),
})

const side = z
  .string()
  .max(201)
  .transform((text, ctx) => {
    const [clientName = '', envName = '', ...rest] = text.split('/')
    if (rest.length === 0 && nameShape.test(clientName) && nameShape.test(envName))
      return { clientName, envName }
    ctx.addIssue({ code: 'custom', message: 'expected <client>/<environment>' })
    return z.NEVER
  })

export const compareQuery = z.strictObject({ left: side, right: side, at: time.optional(), format })

export const eventsQuery = z.strictObject({ client: name.optional(), after: z.string().optional() })

export const badgeParams = z.object({
  key: z.string(),
  client: z.string(),
  env: z.string(),
  kind: z.string(),
  workload: z.string(),
  container: z.string(),
})

/** One component, in one or all namespaces; or all of a client. */
export const badgeTokenBody = z.union(
  [
    z.strictObject({
      client_name: name,
      env_name: name,
      namespace: names.namespace.optional(),
      workload_kind: names.kindName,
      workload_name: names.workload,
      container_name: names.container,
    }),
    z.strictObject({ client_name: name }),
  ],
  'expected client_name alone, or with env_name, workload_kind, workload_name and container_name',
)
export type BadgeTokenBody = z.output<typeof badgeTokenBody>

export const badgeTokensQuery = z.strictObject({ client_name: name.optional() })
export const idParams = z.object({ id: z.uuid('expected the id of a token') })
