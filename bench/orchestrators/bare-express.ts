import type { AddressInfo } from 'node:net'
import express from 'express'

/** `node bench/orchestrators/bare-express.ts <bytes>`: a constant JSON body of that size, and nothing else. */
const body = JSON.stringify({ text: 'x'.repeat(Number(process.argv[2] ?? 8000) - 11) })
const app = express()
app.get('/', (_req, res) => {
  res.type('json').send(body)
})
const server = app.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit())
