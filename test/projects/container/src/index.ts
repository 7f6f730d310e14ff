import { Container, getContainer } from '@cloudflare/containers'

interface Env {
  CONVERTER: DurableObjectNamespace<Converter>
}

export class Converter extends Container {
  override defaultPort = 8080
  override sleepAfter = '5m'
}

export default {
  fetch: (request: Request, env: Env): Promise<Response> => getContainer(env.CONVERTER).fetch(request),
}
