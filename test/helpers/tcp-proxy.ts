import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

interface Link {
  near: Socket
  far: Socket | undefined
}

/** A proxy to a server that can be cut, frozen and restored, for outages that other clients do not notice. */
export async function startTcpProxy(target: string) {
  let behind = new URL(target)
  const links = new Set<Link>()
  const lost = new Set<Link>()
  let port = 0
  let frozen = false
  const server = createServer((near) => {
    const link: Link = { near, far: undefined }
    links.add(link)
    near.on('error', () => undefined)
    near.on('close', () => {
      links.delete(link)
      lost.delete(link)
      link.far?.destroy()
    })
    if (!frozen) reach(link)
  })

  function reach(link: Link): void {
    const far = connect(Number(behind.port), behind.hostname)
    link.far = far
    far.on('error', () => link.near.destroy())
    far.on('close', () => link.near.destroy())
    link.near.pipe(far)
    far.pipe(link.near)
  }

  function silence({ near, far }: Link): void {
    near.unpipe()
    far?.unpipe()
    near.pause()
    far?.pause()
  }

  const listen = async () => {
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  }
  await listen()
  const url = new URL(target)
  url.host = `127.0.0.1:${port}`
  return {
    url: url.href,
    port,
    /** Ends all connections and refuses new ones. */
    async cut() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const { near } of [...links, ...lost]) near.destroy()
      await closed
    },
    restore: listen,
    /** Silently forwards nothing: connections stay open, and new ones are accepted. */
    freeze() {
      frozen = true
      for (const link of links) silence(link)
    },
    /** Forwards the data that was held back, and all later data. */
    thaw() {
      frozen = false
      for (const link of links) {
        if (link.far === undefined) reach(link)
        else {
          link.near.pipe(link.far)
          link.far.pipe(link.near)
        }
      }
    },
    /** Silences the existing connections for ever, like a dropped NAT entry; new ones work. */
    freezeExisting() {
      for (const link of links) {
        silence(link)
        lost.add(link)
      }
      links.clear()
    },
    /** Connects new connections to another server, as after a failover; existing ones stay on the old server. */
    redirect(to: string) {
      behind = new URL(to)
    },
    /** The number of open connections of clients. */
    count: () => links.size,
  }
}
