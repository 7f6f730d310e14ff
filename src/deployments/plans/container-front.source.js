// Runs in workerd, in front of an app that is only a container. Bundled by bin/build-container-front.js.
import { Container, getContainer, getRandom } from '@cloudflare/containers'

const notEnabled = 'Containers have not been enabled'

/** The variables and secrets of the Worker are those of its container. */
function textsOf(env) {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => typeof value === 'string'))
}

/**
 * @param options binding: the namespace's name; port: where the container listens; instances: how many share the
 * requests; sleepAfter: for how long without any.
 */
export function createFront({ binding, port, instances, sleepAfter }) {
  class FrontContainer extends Container {
    constructor(ctx, env) {
      super(ctx, env, { defaultPort: port, sleepAfter, envVars: textsOf(env) })
    }
  }

  async function fetch(request, env) {
    const namespace = env[binding]
    const container = instances === 1 ? getContainer(namespace) : await getRandom(namespace, instances)
    try {
      return await container.fetch(request)
    } catch (error) {
      if (!String(error?.message).includes(notEnabled)) throw error
      // The class is there, and this cloud starts no container for it.
      return new Response('No container runs here: this cloud has no container engine.\n', {
        status: 503,
        headers: { 'content-type': 'text/plain', 'capstan-container': 'no-engine' },
      })
    }
  }

  return { FrontContainer, fetch }
}
