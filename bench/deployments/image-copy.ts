import { spawnSync } from 'node:child_process'
import { copyImage, createRegistry, resolveImage } from '../../src/deployments/images/registry/index.ts'
import { createOutgoing } from '../../src/platform/network/outgoing.ts'
import { startDockerRegistry } from '../../test/deployments/images/registry/docker-registry.ts'
import { pushed } from '../../test/deployments/images/registry/images.ts'

/** An image between two registries on this machine, ours against skopeo's copy of the same one. */
async function main(): Promise<void> {
  const megabytes = Number(process.argv[2] ?? 300)
  const [from, to] = await Promise.all([startDockerRegistry(), startDockerRegistry()])
  const dispatcher = createOutgoing()
  const layers = [0.5, 0.3, 0.2].map((share) => Math.round(share * megabytes * 1_000_000))
  await pushed([{ layers }], `${from.host}/bench:one`)
  const signal = AbortSignal.timeout(600_000)
  try {
    let began = performance.now()
    const skopeo = spawnSync('skopeo', [
      ...['copy', '--insecure-policy', '--src-tls-verify=false', '--dest-tls-verify=false'],
      ...[`docker://${from.host}/bench:one`, `docker://${to.host}/skopeo:one`],
    ])
    const theirs = performance.now() - began
    if (skopeo.status !== 0) throw new Error(String(skopeo.stderr))

    const registry = createRegistry({ host: from.host, dispatcher })
    const destination = createRegistry({ host: to.host, dispatcher })
    const before = process.memoryUsage().rss
    let peak = before
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss)
    }, 20)
    began = performance.now()
    const { image } = await resolveImage({ registry, repository: 'bench' }, 'one', signal)
    const { copiedBytes } = await copyImage({
      source: { registry, repository: 'bench' },
      destination: { registry: destination, repository: 'ours', tag: 'one' },
      ...{ image, signal },
    })
    const ours = performance.now() - began
    clearInterval(watch)
    const rate = (ms: number) => `${((megabytes / ms) * 1000).toFixed(0)} MB/s`
    console.log(`image: ${(copiedBytes / 1_000_000).toFixed(0)} MB in ${image.layers.length} layers`)
    console.log(`skopeo copy   ${rate(theirs)}`)
    console.log(`copyImage     ${rate(ours)}, ratio ${(theirs / ours).toFixed(2)}`)
    console.log(`memory        +${((peak - before) / 1_000_000).toFixed(0)} MB at most`)
  } finally {
    await dispatcher.destroy()
    await Promise.all([from.stop(), to.stop()])
  }
}

await main()
