import express from 'express'

/** What releases are measured against: Express alone, with a body of the size given. */
const [port = 0, size = 0] = process.argv.slice(2).map(Number)
const body = { text: 'x'.repeat(Math.max(0, size - 11)) }
const app = express()
app.get('/', (_req, res) => {
  res.json(body)
})
app.listen(port, '127.0.0.1', () => console.log('ready bare'))
