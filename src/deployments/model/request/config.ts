import { z } from 'zod'
import { instanceTypeNames } from '../instance-types.ts'
import { assets } from './assets.ts'
import { bindings, variableText } from './bindings.ts'
import { classMigrations, migrations } from './classes.ts'
import { compatibility, modules } from './code.ts'
import { databases } from './databases.ts'
import { githubSource } from './github-source.ts'
import { healthCheck } from './health-check.ts'
import { appName, hostnameShape, identifier, line, uniqueItems, variableName } from './names.ts'
import { metadata, scriptSettings, versionSettings } from './settings.ts'
import { crons, queueConsumers, workflows } from './triggers.ts'

/** Cloudflare's limit on a paid plan. */
export const maxVariables = 128

const values = z
  .record(variableName, variableText)
  .refine((record) => Object.keys(record).length <= maxVariables, `expected at most ${maxVariables} entries`)

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

/** The project that the request was made from. It is shown and has no effect. */
const source = z.strictObject({
  tool: z.literal('wrangler'),
  version: line(100),
  whose: z.enum(['project', 'capstan']),
  /** Relative to the project. */
  configPath: line(1024),
  environment: line(100).nullable(),
  redirected: z.boolean(),
  gitCommit: line(64).optional(),
})

export const config = z.strictObject({
  appName,
  /** The Cloudflare account that the app belongs to; other credentials are refused. */
  accountId: z
    .string()
    .regex(/^[0-9a-f]{32}$/, 'expected 32 hexadecimal digits')
    .optional(),
  containerImage: z.string().min(1).max(500).optional(),
  container: container.optional(),
  durableObjects: z.array(identifier).max(100).refine(uniqueItems, 'names a class twice').default([]),
  environmentVars: values.default({}),
  script: z.string().min(1).optional(),
  modules: modules.optional(),
  compatibility: compatibility.optional(),
  /** All bindings except variables and secrets; given, the app has no others after the deployment. */
  bindings: bindings.optional(),
  /** Keeps the variables that the request does not contain. */
  keepVars: z.boolean().optional(),
  hostnames: z.array(hostname).max(50).refine(uniqueItems, 'names a host twice').default([]),
  healthCheck,
  secrets: values.default({}),
  /** Secrets that the app must have after the deployment: a plan without their values needs an app that has them. */
  requiredSecrets: z
    .array(variableName)
    .max(maxVariables)
    .refine(uniqueItems, 'names a secret twice')
    .optional(),
  /** The secrets to delete; all others that the plan does not contain are kept. */
  deleteSecrets: z.array(variableName).max(128).refine(uniqueItems, 'names a secret twice').default([]),
  /** Enables or disables the workers.dev address; omitted, it does not change. */
  workersDev: z.boolean().optional(),
  /** Enables or disables the preview URLs of versions; omitted, they do not change. */
  previewUrls: z.boolean().optional(),
  migrations,
  classMigrations: classMigrations.optional(),
  /** Cloudflare's declarative form of `classMigrations`. */
  exports: z.record(z.string().min(1).max(128), z.unknown()).optional(),
  versionSettings: versionSettings.optional(),
  scriptSettings: scriptSettings.optional(),
  metadata: metadata.optional(),
  assets: assets.optional(),
  crons: crons.optional(),
  queueConsumers: queueConsumers.optional(),
  workflows: workflows.optional(),
  databases: databases.optional(),
  /** Leaves the migrations of `databases` unapplied. */
  noMigrate: z.boolean().optional(),
  github: githubSource.optional(),
  source: source.optional(),
})
export type PrepareConfig = z.output<typeof config>
