import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** What a fake node does with a question, beside answering it. */
export type Fault =
  | 'rpc-error'
  | 'http-error'
  | 'slow'
  | 'hang'
  | 'truncate'
  | 'huge'
  | 'not-json'
  | 'empty-result'
  | 'throttle'

export interface FakeNetwork {
  wrapsToSign: number
  unwrapsToSign: number
  wrapsHash: string
  unwrapsHash: string
  latestUpdateHeight: number
}

/** A node of the bridge as it shows itself over HTTP: the state machine behind its three methods. */
export class FakeNode {
  state = 0
  momentum = 8_523_311
  pillarName: string
  pubkey = randomBytes(32).toString('base64')
  fault: Fault | undefined
  slowMs = 100
  /** Requests a second and burst, for all who ask; 0 is none. */
  limit = 2
  /** The newer build insists on our content type. */
  strict = false
  readonly networks: Record<string, FakeNetwork> = {
    Ethereum: network(21_003_400),
    'BNB Chain': network(44_000_000),
    Supernova: network(1_200_000),
  }
  readonly asked: string[] = []
  #server: Server
  #sockets = new Set<Socket>()
  #tokens = 2
  #refilledAt = Date.now()
  port = 0

  constructor(pillarName: string) {
    this.pillarName = pillarName
    this.#server = this.#create()
  }

  async start(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve))
    this.port = (this.#server.address() as AddressInfo).port
    return this
  }

  /** Nobody listens any more. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  /** A new process on the old port, possibly with another identity. */
  async restart(changes: { pillarName?: string; pubkey?: string } = {}): Promise<void> {
    this.pillarName = changes.pillarName ?? this.pillarName
    this.pubkey = changes.pubkey ?? this.pubkey
    this.#tokens = 2
    this.#server = this.#create()
    await this.start(this.port)
  }

  #create(): Server {
    const server = createServer((req, res) => void this.#serve(req, res))
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    return server
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    if (!this.#allowed()) return void res.writeHead(429).end('Too Many Requests')
    if (this.strict && req.headers['content-type'] !== 'application/json')
      return void res.writeHead(415).end()
    const { method, params } = JSON.parse(Buffer.concat(chunks).toString())
    this.asked.push(method)
    if (params.length > 0) return answer(res, 400, { result: null, error: 'no parameters expected' })
    await this.#misbehave(method, res)
  }

  #allowed(): boolean {
    if (this.fault === 'throttle') return false
    if (this.limit === 0) return true
    const now = Date.now()
    this.#tokens = Math.min(2, this.#tokens + ((now - this.#refilledAt) / 1000) * this.limit)
    this.#refilledAt = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  async #misbehave(method: string, res: ServerResponse): Promise<void> {
    switch (this.fault) {
      case 'rpc-error':
        return answer(res, 500, { result: null, error: 'momentum not available' })
      case 'http-error':
        return void res.writeHead(503).end('<html>upstream away</html>')
      case 'hang':
        return
      case 'truncate':
        res.writeHead(200, { 'content-length': '1000' })
        res.write('{"result":{"sta')
        setImmediate(() => res.destroy())
        return
      case 'huge':
        res.writeHead(200)
        res.end(Buffer.alloc(1024 * 1024 + 1, ' '))
        return
      case 'not-json':
        return void res.writeHead(200).end('hello')
      case 'empty-result':
        return answer(res, 200, { result: null, error: '' })
      case 'slow':
        await new Promise((resolve) => setTimeout(resolve, this.slowMs))
        return this.#answer(method, res)
      default:
        return this.#answer(method, res)
    }
  }

  #answer(method: string, res: ServerResponse): void {
    if (method === 'getStatus') answer(res, 200, { result: this.status(), error: '' })
    else if (method === 'getIdentity') answer(res, 200, { result: this.identity(), error: '' })
    else answer(res, 404, { result: null, error: 'method not found' })
  }

  status() {
    const about = { networkClass: 2, chainId: 1, contractAddress: '0x00', estimatedBlockTime: 12 }
    return {
      state: this.state,
      stateName: 'ignored',
      frontierMomentum: this.momentum,
      networks: Object.fromEntries(
        Object.entries(this.networks).map(([name, each]) => [name, { ...about, ...each }]),
      ),
      peersLen: 6,
      peers: ['12D3KooWa', '12D3KooWb'],
    }
  }

  identity() {
    return {
      producer: `z1q${this.pillarName.toLowerCase().padEnd(37, 'x')}`,
      pillarName: this.pillarName,
      tssPeerPubKey: this.pubkey,
      tssPeerId: '12D3KooWself',
      evmAddress: '0x00',
    }
  }
}

function network(height: number): FakeNetwork {
  return {
    wrapsToSign: 0,
    unwrapsToSign: 0,
    wrapsHash: '00',
    unwrapsHash: '00',
    latestUpdateHeight: height,
  }
}

/** As old nodes do, without a content type. */
function answer(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status).end(JSON.stringify(body))
}
