import { readFile } from 'node:fs/promises'
import { bindingName, type WorkerModule } from '../model/worker-module.ts'

export interface FrontOptions {
  /** The exported class that the container belongs to. */
  className: string
  port: number
  instances: number
}

/** What the front answers where a cloud starts no containers. */
export const noEngine = { header: 'capstan-container', value: 'no-engine', status: 503 }

/** A container without a request for so long is stopped, and started again by the next one. */
const sleepAfter = '10m'

/**
 * The Worker of an app that has no code of its own: it sends every request to the container's Durable Object. The main
 * module first; the other is bundled ahead of time, see bin/build-container-front.js.
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
