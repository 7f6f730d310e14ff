import { WorkerEntrypoint } from 'cloudflare:workers'

export class Prices extends WorkerEntrypoint {
  of(product) {
    return product.length * 100
  }
}

export default { fetch: () => new Response('prices') }
