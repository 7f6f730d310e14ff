import { z } from 'zod'
import { githubSource } from '../github/schema.ts'
import { hostnameShape } from '../hostnames/parse.ts'
import { instanceTypeNames } from './instance-types.ts'
import { statuses } from './states.ts'
import { moduleTypes } from './worker-module.ts'

export const environment = z.enum(['staging', 'production'])

/** A DNS label that leaves room for the suffix `-staging` of the script's name and does not end in it. */
export const appName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,53}[a-z0-9])?$/, 'expected a DNS label of 1 to 55 characters: a-z, 0-9 and -')
  .refine((name) => !name.endsWith('-staging'), 'must not end in -staging')

const identifier = z
  .string()
  .regex(/^[A-Za-z_$][A-Za-z0-9_$]{0,127}$/, 'expected a JavaScript identifier of at most 128 characters')

const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'expected letters, digits and _, not starting with a digit')

// Cloudflare's limits: 128 variables of 5 KB each on a paid plan.
const value = z.string().refine((text) => Buffer.byteLength(text) <= 5120, 'expected at most 5120 bytes')
const values = z
  .record(variableName, value)
  .refine((record) => Object.keys(record).length <= 128, 'expected at most 128 entries')

const moduleName = z
  .string()
  .regex(/^[\w.@+-][\w./@+-]{0,254}$/, 'expected a relative path of letters, digits and . _ @ + - /')
  .refine((name) => !name.split('/').includes('..'), 'must not contain ..')

const module = z.strictObject({
  name: moduleName,
  type: z.enum(moduleTypes),
  content: z.base64('expected base64'),
})

const expectStatus = z
  .union([z.number().int().min(100).max(599), z.string().regex(/^[1-5]\d\d(-[1-5]\d\d)?$/)], {
    error: 'expected a status or a range of them, like 200 or "200-399"',
  })
  .refine((expected) => {
    const [from = 0, to = from] = String(expected).split('-').map(Number)
    return from <= to
  }, 'expected a range that ends after it begins')
  .default('200-399')

const healthCheck = z
  .strictObject({
    path: z
      .string()
      .regex(/^\/[\x21-\x7e]*$/, 'expected a path that starts with /')
      .max(1000)
      .default('/'),
    expectStatus,
    timeoutSeconds: z.number().int().min(1).max(900).default(120),
  })
  .prefault({})

const migrations = z
  .strictObject({
    deletedClasses: z.array(identifier).max(100).default([]),
    renamedClasses: z
      .array(z.strictObject({ from: identifier, to: identifier }))
      .max(100)
      .default([]),
  })
  .prefault({})

/** Settings of an app with a `containerImage`. */
const container = z.strictObject({
  class: identifier.optional(),
  port: z.number().int().min(1).max(65_535).optional(),
  instanceType: z.enum(instanceTypeNames).optional(),
  maxInstances: z.number().int().min(1).max(1000).optional(),
  pullSecret: z
    .strictObject({ username: z.string().min(1).max(255), password: z.string().min(1).max(8192) })
    .optional(),
})
const hostname = z
  .string()
  .max(300)
  .toLowerCase()
  .regex(
    hostnameShape,
    'expected a host name; it may start with *. and end in a path, like *.example.org/api/*',
  )

const config = z.strictObject({
  appName,
  containerImage: z.string().min(1).max(500).optional(),
  container: container.optional(),
  durableObjects: z
    .array(identifier)
    .max(100)
    .refine((classes) => new Set(classes).size === classes.length, 'names a class twice')
    .default([]),
  environmentVars: values.default({}),
  script: z.string().min(1).optional(),
  modules: z.array(module).min(1).max(500).optional(),
  hostnames: z
    .array(hostname)
    .max(50)
    .refine((names) => new Set(names).size === names.length, 'names a host twice')
    .default([]),
  healthCheck,
  secrets: values.default({}),
  /** The secrets to delete; all others that the plan does not contain are kept. */
  deleteSecrets: z
    .array(variableName)
    .max(128)
    .refine((names) => new Set(names).size === names.length, 'names a secret twice')
    .default([]),
  /** Enables or disables the workers.dev address; omitted, it does not change. */
  workersDev: z.boolean().optional(),
  /** Enables or disables the preview URLs of versions; omitted, they do not change. */
  previewUrls: z.boolean().optional(),
  migrations,
  github: githubSource.optional(),
})

export const prepareBody = z.strictObject({ environment, config })
export type PrepareConfig = z.output<typeof config>

export const deployOptions = z
  .strictObject({
    dryRun: z.boolean().default(false),
    rollbackOnFailure: z.boolean().default(true),
    maxRetries: z.number().int().min(0).max(10).default(3),
    /** Deploys content even if it was rolled back before. */
    force: z.boolean().default(false),
  })
  .prefault({})
export type DeployOptions = z.output<typeof deployOptions>

const deploymentId = z.uuid('expected a deployment id')

export const deployBody = z.strictObject({ deploymentId, environment, options: deployOptions })
export const idParams = z.object({ id: deploymentId })
export const targetParams = z.object({ app: appName, environment })
export const listQuery = z.strictObject({
  app: appName.optional(),
  environment: environment.optional(),
  status: z.enum(statuses).optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})
export const logsQuery = z.object({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
})

export const metricsQuery = z.strictObject({ hours: z.coerce.number().int().min(1).max(8760).default(24) })

const noBody = {}
const targetVersion = z.uuid('expected the id of a version or a deployment').optional()
export const rollbackBody = z
  .strictObject({ reason: z.string().max(1000).optional(), targetVersion })
  .prefault(noBody)
export const rollbackQuery = z.strictObject({ targetVersion })
export const retryBody = z
  .strictObject({
    stepName: z.string().max(100).optional(),
    maxRetries: z.number().int().min(1).max(10).optional(),
  })
  .prefault(noBody)
export const cancelBody = z.strictObject({}).prefault(noBody)
export const deleteAppBody = z.strictObject({ confirm: z.string().max(100) })

/** `before` is the number of attempts that earlier jobs of this step have made. */
export const deployStepPayload = z.strictObject({
  deploymentId,
  step: z.string(),
  before: z.number().int().min(0).default(0),
})
export const deploymentPayload = z.strictObject({ deploymentId })
export const deleteAppPayload = z.strictObject({ app: appName, environment, deletionId: z.uuid() })
