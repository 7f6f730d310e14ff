import { FakeNode } from '../../test/orchestrators/nodes/fake-node.ts'

/** `node bench/orchestrators/nodes.ts <count> <dead>`: tells its ports to who started it. */
const count = Number(process.argv[2] ?? 20)
const dead = Number(process.argv[3] ?? 0)

const nodes = await Promise.all(Array.from({ length: count }, (_, n) => new FakeNode(`bench-${n}`).start()))
for (const [index, node] of nodes.entries()) {
  node.fault = index < dead ? 'hang' : 'slow'
  // As far apart as nodes on several continents are.
  node.slowMs = 50 + ((index * 37) % 150)
}
process.send?.(nodes.map((node) => node.port))
setInterval(() => {
  for (const node of nodes) node.momentum += 1
}, 10_000)
process.on('disconnect', () => process.exit())
