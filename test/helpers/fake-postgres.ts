import { type AddressInfo, createServer, type Socket } from 'node:net'

/** A message of PostgreSQL's protocol: type, length, content. */
function message(letter: string, content: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(content.length + 4)
  return Buffer.concat([Buffer.from(letter), length, content])
}

const ready = message('Z', Buffer.from('I'))
const signedIn = Buffer.concat([message('R', Buffer.alloc(4)), message('K', Buffer.alloc(8)), ready])
const done = Buffer.concat([message('C', Buffer.from('LISTEN\0')), ready])
const refused = Buffer.concat([message('E', Buffer.from('SERROR\0C57014\0Mcanceled\0\0')), ready])

/** A server that accepts every login and LISTEN, and answers all other queries with an error. */
export async function startFakePostgres() {
  const sockets = new Set<Socket>()
  let accepted = 0
  const server = createServer((socket) => {
    accepted += 1
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.once('data', () => {
      socket.write(signedIn)
      socket.on('data', (data) => {
        // Q is a simple query; an extended query ends with a Sync, which is answered once.
        if (data[0] === 'Q'.charCodeAt(0)) socket.write(/listen/.test(data.toString()) ? done : refused)
        else if (data[0] === 'P'.charCodeAt(0)) socket.write(refused)
        else if (data[0] === 'X'.charCodeAt(0)) socket.end()
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `postgresql://any:any@127.0.0.1:${port}/any`,
    /** The number of accepted connections. */
    accepted: () => accepted,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
