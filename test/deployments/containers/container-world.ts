import { accountId } from '../../local-cloud/harness.ts'
import { startWorld, type WorldOptions } from '../harness.ts'
import { startDockerRegistry } from '../images/registry/docker-registry.ts'
import { pushed, type TestImage } from '../images/registry/images.ts'
import { startRegistryProxy } from '../images/registry/registry-proxy.ts'
import { creds, startTokenServer } from '../images/registry/token-server.ts'

export const containers = `/accounts/${accountId}/containers`
export const pullSecret = { username: creds.username, password: creds.password }
const text = `${creds.username}:${creds.password}`

/** A world whose cloud has a registry beside it, and a private registry with the team's images, behind a proxy. */
export async function startContainerWorld(options: WorldOptions = {}) {
  const tokens = await startTokenServer()
  const [team, own] = await Promise.all([
    startDockerRegistry({ tokens: tokens.auth, relativeUrls: true }),
    startDockerRegistry(),
  ])
  const way = await startRegistryProxy(team.port)
  const cloudWay = await startRegistryProxy(own.port)
  const world = await startWorld({ images: { host: cloudWay.host }, ...options })
  return {
    ...world,
    team,
    own,
    /** The ways that Capstan goes to the team's registry, and to the cloud's. */
    way,
    cloudWay,
    /** Makes an image and pushes it. @returns its reference. */
    async image(name: string, about: Partial<TestImage> = {}): Promise<string> {
      await pushed([{ layers: [200_000, 3000], ...about }], `${team.host}/${name}`, { creds: text })
      return `${way.host}/${name}`
    },
    seenBySkopeo: { team: (name: string) => `${team.host}/${name}`, creds: text },
    /** Where the cloud's registry has an image of an app. */
    ownImage: (script: string, rest: string) => `${own.host}/${accountId}/${script}${rest}`,
    // biome-ignore lint/suspicious/noExplicitAny: answers are held to the contract; their fields are asserted one by one
    applications: async (): Promise<any[]> =>
      (await world.callCloud('GET', `${containers}/applications`)).result,
    async stop() {
      await world.stop()
      await Promise.all([way.stop(), cloudWay.stop()])
      await Promise.all([team.stop(), own.stop(), tokens.stop()])
    },
  }
}
