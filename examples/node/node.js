// A bridge node for trying the monitor: it answers the two questions that Capstan asks. `node examples/node/node.js [port]`
import { createServer } from 'node:http'

const startedAt = Date.now()
// A height that rises, as the heights of a healthy node do.
const height = () => 1_000_000 + Math.round((Date.now() - startedAt) / 1000)
const network = () => ({ wrapsToSign: 0, unwrapsToSign: 0, latestUpdateHeight: height() })

const answers = {
  getStatus: () => ({
    state: 0,
    frontierMomentum: height(),
    networks: { Ethereum: network(), 'BNB Chain': network(), Supernova: network() },
  }),
  getIdentity: () => ({ pillarName: 'Example', producer: 'z1qexample', tssPeerPubKey: '' }),
}

const port = Number(process.argv[2] ?? 55000)
createServer(async (req, res) => {
  const chunks = []
  for await (const chunk of req) chunks.push(chunk)
  const { method } = JSON.parse(Buffer.concat(chunks).toString())
  const result = answers[method]?.() ?? null
  res.setHeader('content-type', 'application/json')
  res.end(JSON.stringify({ result, error: result === null ? 'method not found' : '' }))
}).listen(port, '127.0.0.1', () => console.log(`A node answers at 127.0.0.1:${port}`))
