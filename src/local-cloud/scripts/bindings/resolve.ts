import { ApiError } from '../../errors.ts'
import { type Binding, typeOf } from '../../store/bindings.ts'
import type { Version } from '../../store/versions.ts'
import type { UploadMetadata } from '../metadata.ts'
import type { MigrationPlan } from '../migrations.ts'
import type { GivenBinding } from './schema.ts'
import { checkTargets, type Targets } from './targets.ts'

export interface BindingContext extends Targets {
  plan: MigrationPlan
  /** The source version of `keep_bindings` and `inherit`, unless a binding names another. */
  latest: Version | undefined
  findVersion(id: string): Version | undefined
  /** `bindings_inherit=strict`: a missing inherited binding is an error; otherwise it is left out. */
  strict: boolean
}

/**
 * The bindings of a new version: given, inherited and kept by type.
 * @throws ApiError 10021, 10054, 10055, 10057 or 10061
 */
export function resolveBindings(metadata: UploadMetadata, context: BindingContext): Binding[] {
  const given = metadata.bindings ?? []
  const names = given.map((binding) => binding.name)
  const duplicate = names.find((name, at) => names.indexOf(name) !== at)
  if (duplicate !== undefined) {
    throw new ApiError('invalidScript', `Two bindings have the name '${duplicate}'.`)
  }
  const resolved = given.flatMap((binding) => resolveOne(binding, context))
  const kept = (context.latest?.bindings ?? []).filter(
    (binding) => metadata.keep_bindings?.includes(typeOf(binding)) && !names.includes(binding.name),
  )
  const all = [...resolved, ...kept]
  for (const binding of all) checkClass(binding, context.plan)
  checkTargets(all, context)
  checkSizes(all)
  return all
}

/** Cloudflare's limits on the paid plan. */
const maxTextBytes = 5 * 1024
const maxTexts = 128

/** Checks the sizes of the bindings. @throws ApiError 10054 or 10055; the message contains the name, not the text */
export function checkSizes(bindings: Binding[]): void {
  const texts = bindings.flatMap((binding) => {
    if (binding.type === 'json') return [{ name: binding.name, text: JSON.stringify(binding.json) }]
    return binding.type === 'plain_text' || binding.type === 'secret_text' ? [binding] : []
  })
  const large = texts.find(({ text }) => Buffer.byteLength(text) > maxTextBytes)
  if (large !== undefined) throw new ApiError('bindingTooLarge', `The binding '${large.name}' is over 5 KB.`)
  if (texts.length > maxTexts) throw new ApiError('tooManyBindings')
}

function resolveOne(binding: GivenBinding, context: BindingContext): Binding[] {
  switch (binding.type) {
    case 'inherit':
      return inherited(binding, context)
    case 'durable_object_namespace':
      return [objectBinding(binding, context)]
    case 'd1':
      return [databaseBinding(binding)]
    default:
      return [binding]
  }
}

function inherited(binding: Extract<GivenBinding, { type: 'inherit' }>, context: BindingContext): Binding[] {
  const { version_id: versionId, old_name: oldName = binding.name } = binding
  const source = versionId === undefined ? context.latest : context.findVersion(versionId)
  const found = source?.bindings.find((candidate) => candidate.name === oldName)
  if (found !== undefined) return [{ ...found, name: binding.name }]
  if (!context.strict) return []
  throw new ApiError('inheritedBindingMissing', `The inherited binding '${oldName}' does not exist.`)
}

type GivenObject = Extract<GivenBinding, { type: 'durable_object_namespace' }>
type GivenDatabase = Extract<GivenBinding, { type: 'd1' }>

function objectBinding(binding: GivenObject, context: BindingContext): Binding {
  const { name, script_name: script, namespace_id: namespaceId } = binding
  const foreign = script === undefined || script === context.scriptName ? {} : { script_name: script }
  const owner = context.plan.classes.find((entry) => entry.namespaceId === namespaceId)
  const className = binding.class_name ?? owner?.className
  if (className !== undefined)
    return { type: 'durable_object_namespace', name, class_name: className, ...foreign }
  const problem = 'of type durable_object_namespace must have a valid `class_name` specified'
  throw new ApiError('invalidScript', `binding ${name} ${problem}`)
}

/** @throws ApiError 10021 if the id is missing */
function databaseBinding({ name, id, database_id: databaseId }: GivenDatabase): Binding {
  const found = id ?? databaseId
  if (found !== undefined) return { type: 'd1', name, id: found }
  throw new ApiError('invalidScript', `binding ${name} of type d1 must have a valid \`id\` specified`)
}

function checkClass(binding: Binding, plan: MigrationPlan): void {
  if (binding.type !== 'durable_object_namespace' || binding.script_name !== undefined) return
  const name = binding.class_name
  if (plan.classes.some((entry) => entry.className === name)) return
  const detail = plan.deletedClasses.includes(name)
    ? `Cannot apply --delete-class migration to class '${name}' without also removing the binding that references it.`
    : `Cannot create binding for class '${name}' because it is not currently configured to implement Durable Objects. ` +
      'Ensure a --new-class migration has been applied to it.'
  throw new ApiError('classNotConfigured', detail)
}

/** The secrets of a version, by name. */
export function secretsOf(version: Version): Map<string, string> {
  return new Map(
    version.bindings.flatMap((b) => (b.type === 'secret_text' ? [[b.name, b.text] as const] : [])),
  )
}
