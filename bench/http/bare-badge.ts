import express from 'express'

/** A bare Express handler that answers one constant SVG, for comparison: `node bench/http/bare-badge.ts <bytes>`. */
const body = `<svg xmlns="http://www.w3.org/2000/svg">${' '.repeat(Math.max(0, Number(process.argv[2] ?? 1200) - 46))}</svg>`
const app = express()
app.get('/badge', (_req, res) => {
  res.type('svg').send(body)
})
const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.send?.(typeof address === 'object' && address !== null ? address.port : 0)
})
process.on('disconnect', () => process.exit(0))
