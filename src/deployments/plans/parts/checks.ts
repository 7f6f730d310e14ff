import { type FieldFault, invalidBody } from '../../../platform/errors.ts'
import { maxVariables, type PrepareConfig } from '../../model/request/config.ts'
import { bindingName } from '../../model/worker-module.ts'

/** Checks what concerns several parts of a request. @throws REQ_002 with each fault */
export function checkParts(config: PrepareConfig): void {
  const faults = [
    ...bindingFaults(config),
    ...variableFaults(config),
    ...classFaults(config),
    ...databaseFaults(config),
    ...assetFaults(config),
  ]
  if (faults.length > 0) throw invalidBody(faults)
}

/** Binding names are unique over all kinds of bindings. */
function bindingFaults(config: PrepareConfig): FieldFault[] {
  const faults: FieldFault[] = []
  const taken = new Set(config.durableObjects.map(bindingName))
  if (taken.size < config.durableObjects.length) {
    faults.push({ path: 'config.durableObjects', problem: 'two classes have the same binding name' })
  }
  for (const kind of ['environmentVars', 'secrets'] as const) {
    for (const name of Object.keys(config[kind])) {
      if (taken.has(name))
        faults.push({ path: `config.${kind}.${name}`, problem: 'another binding has this name' })
      taken.add(name)
    }
  }
  const { bindings = [] } = config
  bindings.forEach(({ name }, index) => {
    if (taken.has(name))
      faults.push({ path: `config.bindings.${index}.name`, problem: 'another binding has this name' })
    taken.add(name)
  })
  for (const name of config.deleteSecrets.filter((each) => config.secrets[each] !== undefined)) {
    faults.push({ path: 'config.deleteSecrets', problem: `the secret ${name} is also in secrets` })
  }
  return faults
}

function variableFaults({ environmentVars, bindings = [] }: PrepareConfig): FieldFault[] {
  const others = bindings.filter(({ type }) => type === 'plain_text' || type === 'json')
  if (Object.keys(environmentVars).length + others.length <= maxVariables) return []
  const problem = `more than ${maxVariables} variables together with environmentVars`
  return [{ path: 'config.bindings', problem }]
}

/** There is one way to describe classes: Capstan's lists, wrangler's history or Cloudflare's declaration. */
function classFaults(config: PrepareConfig): FieldFault[] {
  const { classMigrations, exports, migrations, durableObjects } = config
  const faults: FieldFault[] = []
  if (classMigrations !== undefined && exports !== undefined)
    faults.push({ path: 'config.exports', problem: 'give either exports or classMigrations' })
  if (classMigrations === undefined && exports === undefined) return faults
  const instead = classMigrations === undefined ? 'exports' : 'classMigrations'
  if (migrations.deletedClasses.length + migrations.renamedClasses.length > 0)
    faults.push({ path: 'config.migrations', problem: `give either migrations or ${instead}` })
  if (durableObjects.length > 0)
    faults.push({ path: 'config.durableObjects', problem: `with ${instead}, give classes in bindings` })
  return faults
}

function databaseFaults({ bindings = [], databases = [] }: PrepareConfig): FieldFault[] {
  return databases.flatMap(({ binding }, index) =>
    bindings.some(({ type, name }) => type === 'd1' && name === binding)
      ? []
      : [{ path: `config.databases.${index}.binding`, problem: 'no binding of type d1 has this name' }],
  )
}

function assetFaults({ bindings = [], assets }: PrepareConfig): FieldFault[] {
  const index = bindings.findIndex(({ type }) => type === 'assets')
  if (index === -1 || assets !== undefined) return []
  return [{ path: `config.bindings.${index}`, problem: 'there are no assets to bind: give config.assets' }]
}
