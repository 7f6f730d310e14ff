import { readFile } from 'node:fs/promises'
import { bindingName, type WorkerModule } from '../model/worker-module.ts'

export interface FrontOptions {
  /** The exported class that the container belongs to. */
  className: string
  port: number
  instances: number
}

/** The response of the front if the cloud runs no containers. */
export const noEngine = { header: 'capstan-container', value: 'no-engine', status: 503 }

/** The idle time after which a container stops; the next request starts it again. */
const sleepAfter = '10m'

/**
 * The modules of the Worker for an app without code, the main module first: it forwards every request to the
 * container's Durable Object. The second module is bundled ahead of time, see bin/build-container-front.js.
 */
export async function frontModules({ className, port, instances }: FrontOptions): Promise<WorkerModule[]> {
  const options = { binding: bindingName(className), port, instances, sleepAfter }
  const main = `import { createFront } from './container-front.js'

const front = createFront(${JSON.stringify(options)})

export class ${className} extends front.FrontContainer {}
export default { fetch: front.fetch }
`
  const bundle = await readFile(new URL('./container-front.generated.js', import.meta.url))
  return [
    { name: 'index.js', type: 'esm', content: Buffer.from(main).toString('base64') },
    { name: 'container-front.js', type: 'esm', content: bundle.toString('base64') },
  ]
}
