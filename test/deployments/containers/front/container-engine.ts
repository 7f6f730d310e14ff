import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Container {
  image: string
  env: Record<string, string>
  running: boolean
}

/**
 * As much of Docker's API as workerd calls to run a container, as a small state machine: nothing is started before it
 * was created from an image that is there. What would run in the container is `app`, at the port 8080 of each; the
 * sidecar that workerd puts beside it, and through which it connects, is a plain tunnel.
 */
export async function startContainerEngine(options: {
  images: string[]
  app(request: IncomingMessage, response: ServerResponse): void
}) {
  const folder = mkdtempSync(join(tmpdir(), 'capstan-engine-'))
  const containers = new Map<string, Container>()
  const asked: string[] = []
  const ours = () => [...containers.values()].filter(({ image }) => options.images.includes(image))
  const app = createServer(options.app)
  const appPort = await listen(app)
  // Its own calls set up what leaves a container, which here nothing does.
  const sidecar = createServer((_, response) => response.end('certificate'))
  sidecar.on('connect', (request, socket): unknown => {
    if (ours().every(({ running }) => !running)) return socket.end('HTTP/1.1 502 Nobody listens\r\n\r\n')
    asked.push(request.url ?? '')
    const far = connect(appPort, '127.0.0.1')
    far.on('error', () => socket.destroy())
    socket.on('error', () => far.destroy()).on('close', () => far.destroy())
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    far.pipe(socket)
    return socket.pipe(far)
  })
  const sidecarPort = await listen(sidecar)

  const engine = createServer(async (request, response): Promise<unknown> => {
    const url = new URL(request.url ?? '/', 'http://engine')
    const [, kind, name = '', verb] = url.pathname.split('/')
    const answer = (status: number, body: object = {}) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (kind === 'volumes') return answer(200, { Volumes: [] })
    if (kind === 'networks')
      return answer(200, { IPAM: { Config: [{ Subnet: '172.17.0.0/16', Gateway: '172.17.0.1' }] } })
    if (kind !== 'containers') return answer(404, { message: 'page not found' })
    if (name === 'create') {
      const { Image: image, Env: env = [] } = JSON.parse(await textOf(request))
      const isSidecar = image.startsWith('cloudflare/proxy-everything')
      if (!isSidecar && !options.images.includes(image))
        return answer(404, { message: `No such image: ${image}` })
      const pairs = env.map((line: string) => [
        line.slice(0, line.indexOf('=')),
        line.slice(line.indexOf('=') + 1),
      ])
      containers.set(url.searchParams.get('name') ?? '', {
        image,
        env: Object.fromEntries(pairs),
        running: false,
      })
      return answer(201, { Id: url.searchParams.get('name'), Warnings: [] })
    }
    const container = containers.get(name)
    if (container === undefined) return answer(404, { message: `No such container: ${name}` })
    if (request.method === 'DELETE') {
      containers.delete(name)
      return response.writeHead(204).end()
    }
    if (verb === 'start') {
      container.running = true
      return response.writeHead(204).end()
    }
    // `wait` is answered when the container ends, and these do not end.
    if (verb === 'wait') return undefined
    const Ports = { '39001/tcp': [{ HostIp: '0.0.0.0', HostPort: String(sidecarPort) }] }
    return answer(200, {
      Id: name,
      State: { Running: container.running, Status: container.running ? 'running' : 'created' },
      NetworkSettings: { Ports },
    })
  })
  const socketPath = join(folder, 'engine.sock')
  await new Promise<void>((resolve) => engine.listen(socketPath, resolve))
  return {
    socket: `unix://${socketPath}`,
    /** The addresses inside of containers that workerd connected to. */
    asked,
    containers: ours,
    async stop() {
      for (const server of [engine, app]) server.closeAllConnections()
      await Promise.all([engine, app, sidecar].map((server) => new Promise((done) => server.close(done))))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function listen(server: {
  listen(port: number, host: string, done: () => void): unknown
  address(): unknown
}) {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
