import { randomBytes } from 'node:crypto'
import { MiniflareCoreError } from 'miniflare'
import { z } from 'zod'
import { ApiError } from '../../errors.ts'
import type { Binding, NamedHandlers, WorkerModule } from '../../store/versions.ts'
import { appName, withoutSuffix } from '../gate.ts'
import { LimitExceeded, limitsOf } from '../limits.ts'
import type { Reaper } from '../reaper.ts'
import { codeOptions, varsOf } from '../worker-options.ts'
import { StartTimeout, Workerd } from '../workerd.ts'

const startTimeoutMs = 10_000

export interface Candidate {
  mainModule: string
  modules: WorkerModule[]
  compatibilityDate: string
  compatibilityFlags: string[]
  bindings: Binding[]
}

export interface StartupReport {
  /** Until the module was loaded, with the start of workerd itself. */
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

/** Imports the Worker as its own start would, and tells what it exports. */
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
 * Starts a candidate in a throwaway workerd, away from what serves. Throws ApiError 10021 with the Worker's own error
 * when it does not load.
 */
export async function checkStartup(candidate: Candidate, reaper: Reaper): Promise<StartupReport> {
  const errors: string[] = []
  const began = performance.now()
  try {
    const workerd = await Workerd.start({
      workers: checkWorkers(candidate),
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

function checkWorkers(candidate: Candidate) {
  const name = `startup-check-${randomBytes(8).toString('hex')}.js`
  const entry: WorkerModule = { name, type: 'ESModule', content: Buffer.from(probe(candidate.mainModule)) }
  const { compatibilityDate, compatibilityFlags, bindings } = candidate
  const objects = bindings.filter((binding) => binding.type === 'durable_object_namespace')
  const identity = { id: '', tag: '', timestamp: '' }
  const classes = [...new Set(objects.map((binding) => binding.class_name))]
  return [
    {
      ...codeOptions([entry, ...candidate.modules], compatibilityDate, compatibilityFlags),
      name: appName('candidate'),
      bindings: varsOf(bindings, identity),
      durableObjects: Object.fromEntries(
        objects.map((binding) => [
          binding.name,
          { className: binding.class_name, scriptName: appName('stand-in') },
        ]),
      ),
    },
    { ...codeOptions([standIn(classes)], compatibilityDate, []), name: appName('stand-in') },
  ]
}

/** Code may touch its namespaces while it loads; the classes behind them are checked afterwards, by name. */
function standIn(classes: string[]): WorkerModule {
  const lines = classes.map(
    (name, at) => `class C${at} extends DurableObject {}\nexport { C${at} as ${name} }`,
  )
  const head = `import { DurableObject } from 'cloudflare:workers'\nexport default { fetch: () => new Response() }`
  return { name: 'stand-in.js', type: 'ESModule', content: Buffer.from([head, ...lines].join('\n')) }
}

function reason(error: unknown, errors: string[], candidate: Candidate): string {
  if (error instanceof StartTimeout) {
    // Wall time, with the start of workerd; Cloudflare counts CPU time, and is stricter.
    return `Script startup did not end within the ${startTimeoutMs / 1000} s that the local cloud waits for it. Cloudflare allows 1 s of CPU time.`
  }
  if (error instanceof LimitExceeded) {
    const what = error.kind === 'memory' ? 'memory limits' : 'CPU time limit'
    return `Script startup exceeded ${what}. ${error.message}.`
  }
  // Without an error of the Worker's own, stderr holds a crash dump of workerd, which tells a user nothing.
  const crashed = 'The runtime crashed while the Worker started; it may take more memory than there is.'
  const isCrash = error instanceof MiniflareCoreError && error.code === 'ERR_RUNTIME_FAILURE'
  const text = errors.length > 0 ? errors.join('\n') : isCrash ? crashed : String(error)
  return redact(withoutSuffix(text).replaceAll(/service core:user:[\w-]+: /g, ''), candidate.bindings).slice(
    0,
    4000,
  )
}

/** A Worker may throw its own secrets; they don't come back. */
export function redact(text: string, bindings: Binding[]): string {
  const secrets = bindings.flatMap((binding) => (binding.type === 'secret_text' ? [binding.text] : []))
  // The longest first: one that lies within another must not leave the other's rest readable.
  return secrets
    .filter((secret) => secret !== '')
    .toSorted((a, b) => b.length - a.length)
    .reduce((masked, secret) => masked.replaceAll(secret, '[secret]'), text)
}
