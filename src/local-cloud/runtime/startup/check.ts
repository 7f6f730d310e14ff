import { randomBytes } from 'node:crypto'
import { MiniflareCoreError } from 'miniflare'
import { z } from 'zod'
import { maskValues } from '../../../platform/logging/mask-values.ts'
import { ApiError } from '../../errors.ts'
import type { Binding } from '../../store/bindings.ts'
import type { NamedHandlers, WorkerModule } from '../../store/versions.ts'
import { appName, hosted, withoutSuffix } from '../gate.ts'
import { LimitExceeded, limitsOf } from '../limits.ts'
import { envOptions, helperWorkers } from '../options/env.ts'
import type { Reaper } from '../reaper.ts'
import { codeOptions } from '../worker-options.ts'
import { StartTimeout, Workerd } from '../workerd.ts'

const startTimeoutMs = 10_000

/** A candidate can't send messages while it loads. */
const nowhere = { port: 1, secret: '' }

export interface Candidate {
  mainModule: string
  modules: WorkerModule[]
  compatibilityDate: string
  compatibilityFlags: string[]
  bindings: Binding[]
}

export interface StartupReport {
  /** The time until the module was loaded, including the start of workerd. */
  startupTimeMs: number
  handlers: string[]
  namedHandlers: NamedHandlers[]
  /** Exported classes that can be Durable Objects. */
  classes: string[]
}

const description = z.object({
  handlers: z.array(z.string()),
  named: z.array(z.object({ name: z.string(), handlers: z.array(z.string()) })),
  classes: z.array(z.string()),
})

/** The code of a Worker that imports the candidate like a real start and responds with a list of its exports. */
const probe = (mainModule: string) => `
import * as main from ${JSON.stringify(`./${mainModule}`)}
import { WorkerEntrypoint, WorkflowEntrypoint } from 'cloudflare:workers'
const methods = (target) => {
  const names = new Set()
  for (let at = target; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) {
      const property = Object.getOwnPropertyDescriptor(at, name)
      if (name !== 'constructor' && typeof property.value === 'function') names.add(name)
    }
    if (at === WorkerEntrypoint.prototype) break
  }
  return [...names]
}
const isClass = (value) => typeof value === 'function' && value.prototype !== undefined
const isEntrypoint = (value) =>
  [WorkerEntrypoint, WorkflowEntrypoint].some((base) => value.prototype instanceof base)
const handlersOf = (value) => (isClass(value) ? methods(value.prototype) : Object(value) === value ? methods(value) : [])
const named = Object.entries(main).filter(([name]) => name !== 'default')
const report = {
  handlers: handlersOf(main.default),
  named: named.map(([name, value]) => ({ name, handlers: isClass(value) ? ['class'] : handlersOf(value) })),
  classes: Object.entries(main).filter(([, v]) => isClass(v) && !isEntrypoint(v)).map(([name]) => name),
}
export default { fetch: () => Response.json(report) }
`

/**
 * Starts a candidate in a temporary workerd, separate from the serving ones.
 * @throws ApiError 10021 with the Worker's error if it does not load
 */
export async function checkStartup(candidate: Candidate, reaper: Reaper): Promise<StartupReport> {
  const errors: string[] = []
  const began = performance.now()
  try {
    const marker = randomBytes(16).toString('hex')
    const workers = checkWorkers(candidate, marker)
    const workerd = await Workerd.start({
      workers,
      helpers: helperWorkers(
        workers.map(({ worker }) => worker),
        candidate.bindings,
        { cloud: nowhere, workflows: [] },
      ),
      marker,
      startTimeoutMs,
      onLog: (level, message) => level === 'error' && errors.push(message),
      reaper,
      limits: limitsOf([{ moduleBytes: bytesOf(candidate.modules) }]),
    })
    const startupTimeMs = Math.round(performance.now() - began)
    try {
      const answer = await fetch(workerd.url('candidate') ?? '', {
        headers: workerd.gate,
        signal: AbortSignal.timeout(startTimeoutMs),
      })
      const { handlers, named, classes } = description.parse(await answer.json())
      return { startupTimeMs, handlers, namedHandlers: named, classes }
    } finally {
      await workerd.stop()
    }
  } catch (error) {
    throw new ApiError('invalidScript', reason(error, errors, candidate))
  }
}

const bytesOf = (modules: WorkerModule[]) => modules.reduce((sum, { content }) => sum + content.length, 0)

function checkWorkers(candidate: Candidate, marker: string) {
  const name = `startup-check-${randomBytes(8).toString('hex')}.js`
  const entry: WorkerModule = { name, type: 'ESModule', content: Buffer.from(probe(candidate.mainModule)) }
  const { compatibilityDate, compatibilityFlags, bindings } = candidate
  const objects = bindings.filter((binding) => binding.type === 'durable_object_namespace')
  const classes = [...new Set(objects.map((binding) => binding.class_name))]
  const scriptName = appName('stand-in')
  const context = {
    script: '',
    identity: { id: '', tag: '', timestamp: '' },
    marker,
    assets: scriptName,
    missingStore: () => undefined,
    objects: ({ class_name: className }: { class_name: string }) => ({
      ...{ className, useSQLite: false, unsafeUniqueKey: className },
      scriptName,
    }),
    service: () => ({ name: scriptName }),
    workflow: () => ({ sentence: 'Workflows cannot be used while a module loads.' }),
  }
  const main = {
    ...codeOptions([entry, ...candidate.modules], compatibilityDate, compatibilityFlags),
    ...envOptions(bindings, context),
    name: appName('candidate'),
  }
  const standInWorker = { ...codeOptions([standIn(classes)], compatibilityDate, []), name: scriptName }
  return [hosted('candidate', main), hosted('stand-in', standInWorker)]
}

/**
 * A module with empty Durable Object classes, for code that uses its namespaces while it loads. The real classes are
 * checked later, by name.
 */
function standIn(classes: string[]): WorkerModule {
  const lines = classes.map(
    (name, at) => `class C${at} extends DurableObject {}\nexport { C${at} as ${name} }`,
  )
  const head = `import { DurableObject } from 'cloudflare:workers'\nexport default { fetch: () => new Response() }`
  return { name: 'stand-in.js', type: 'ESModule', content: Buffer.from([head, ...lines].join('\n')) }
}

function reason(error: unknown, errors: string[], candidate: Candidate): string {
  if (error instanceof StartTimeout) {
    // This limit is wall time and includes the start of workerd. Cloudflare's limit is CPU time and stricter.
    return `Script startup exceeded the local cloud's limit of ${startTimeoutMs / 1000} s. Cloudflare allows 1 s of CPU time.`
  }
  if (error instanceof LimitExceeded) {
    const limit = error.kind === 'memory' ? 'memory limits' : 'CPU time limit'
    return `Script startup exceeded ${limit}. ${error.message}.`
  }
  // Without an error of the Worker, stderr contains a crash dump of workerd, which does not help users.
  const crashed =
    'The runtime crashed while the Worker started; the Worker may need more memory than is available.'
  const isCrash = error instanceof MiniflareCoreError && error.code === 'ERR_RUNTIME_FAILURE'
  const text = errors.length > 0 ? errors.join('\n') : isCrash ? crashed : String(error)
  return redact(withoutSuffix(text).replaceAll(/service core:user:[\w-]+: /g, ''), candidate.bindings).slice(
    0,
    4000,
  )
}

/** Masks the secrets of `bindings` in a text: a Worker's errors and logs may contain them. */
export function redact(text: string, bindings: Binding[]): string {
  return maskValues(text, secretsOf(bindings), '[secret]')
}

/** The values of the secrets among bindings. */
export const secretsOf = (bindings: Binding[]): string[] =>
  bindings.flatMap((binding) => (binding.type === 'secret_text' ? [binding.text] : []))
