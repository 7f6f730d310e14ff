import { type FieldFault, invalidBody } from '../../platform/errors.ts'
import type { PrepareConfig } from '../model/request/config.ts'
import type { WorkerModule } from '../model/worker-module.ts'

/**
 * The modules to upload, the main one first; none for an app that consists of static files.
 * @throws REQ_002 if there are neither, or the modules are invalid
 */
export function modulesOf(config: PrepareConfig): WorkerModule[] {
  const { script, modules = [], assets } = config
  if (script !== undefined && config.modules !== undefined) {
    throw invalidBody([{ path: 'config.modules', problem: 'give either script or modules' }])
  }
  if (script !== undefined) {
    return [{ name: 'index.js', type: 'esm', content: Buffer.from(script).toString('base64') }]
  }
  const [main] = modules
  if (main === undefined) {
    if (assets !== undefined) return []
    throw invalidBody([{ path: 'config', problem: 'script, modules or assets is required' }])
  }
  const faults: FieldFault[] = []
  if (main.type !== 'esm' && main.type !== 'python')
    faults.push({ path: 'config.modules.0.type', problem: 'the main module must be esm or python' })
  const names = new Set<string>()
  modules.forEach(({ name }, index) => {
    if (names.has(name)) faults.push({ path: `config.modules.${index}.name`, problem: 'is used twice' })
    names.add(name)
  })
  modules.forEach(({ content }, index) => {
    if (content === undefined)
      faults.push({ path: `config.modules.${index}.digest`, problem: 'no blob with this digest was sent' })
  })
  if (faults.length > 0) throw invalidBody(faults)
  return modules.map(({ name, type, content = '' }) => ({ name, type, content }))
}
