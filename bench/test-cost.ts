// The CPU time of each test file and test case, with all processes that they start:
//   npx vitest run --maxWorkers 1 --reporter ./bench/test-cost.ts [--project db] [file...]
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node'

/** The number of lines of each list. */
const shown = 40
/** A unit of /proc/<pid>/stat, in seconds; Linux reports hundredths to all programs. */
const tick = 0.01

interface Cost {
  name: string
  seconds: number
}

/** One worker must run all files: what is used between the ends of two of them is the cost of the second. */
export default class TestCost implements Reporter {
  #root = ''
  #files: Cost[] = []
  #cases: Cost[] = []
  #file = 0
  #case = 0
  #errors = 0

  onInit(vitest: Vitest): void {
    this.#root = vitest.config.root
    if (vitest.config.maxWorkers !== 1) throw new Error('costs of tests need --maxWorkers 1')
  }

  onTestModuleStart(): void {
    this.#case = usedSeconds()
  }

  onTestCaseResult(test: TestCase): void {
    const used = usedSeconds()
    this.#cases.push({ name: `${this.#pathOf(test.module)} ${test.fullName}`, seconds: used - this.#case })
    this.#case = used
    const { state, errors } = test.result()
    if (state !== 'failed') return
    this.#errors += 1
    console.error(`FAILED ${test.fullName}: ${errors?.map(({ message }) => message).join('; ')}`)
  }

  onTestModuleEnd(module: TestModule): void {
    const used = usedSeconds()
    for (const { message } of module.errors()) console.error(`FAILED ${this.#pathOf(module)}: ${message}`)
    this.#files.push({ name: `${module.project.name} ${this.#pathOf(module)}`, seconds: used - this.#file })
    this.#file = used
  }

  onTestRunEnd(): void {
    const byProject = Map.groupBy(this.#files, ({ name }) => name.split(' ', 1)[0] ?? '')
    const projects = [...byProject].map(([name, files]) => ({ name, seconds: sum(files) }))
    print('projects', projects)
    print('files', this.#files)
    print('cases', this.#cases)
    console.log(`\nall ${usedSeconds().toFixed(1)} s, ${this.#cases.length} cases, ${this.#errors} failed`)
    const { TEST_COST_FILE } = process.env
    if (TEST_COST_FILE !== undefined) {
      writeFileSync(TEST_COST_FILE, JSON.stringify({ files: this.#files, cases: this.#cases }))
    }
  }

  #pathOf(module: TestModule): string {
    return relative(this.#root, module.moduleId)
  }
}

const sum = (costs: Cost[]) => costs.reduce((total, { seconds }) => total + seconds, 0)

function print(title: string, costs: Cost[]): void {
  console.log(`\n${title} (CPU seconds)`)
  for (const { name, seconds } of costs.toSorted((a, b) => b.seconds - a.seconds).slice(0, shown)) {
    console.log(`${seconds.toFixed(1).padStart(7)} ${name}`)
  }
}

/**
 * The CPU time of this process and its descendants, with those that have ended. The time of a process whose parent was
 * killed is lost.
 */
function usedSeconds(): number {
  const children = new Map<number, { pid: number; ticks: number }[]>()
  let own = 0
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    const fields = Number.isNaN(pid) ? undefined : readStat(pid)
    if (fields === undefined) continue
    // man 5 proc: fields 4 (parent), 14 to 17 (its own time, and that of its children that have ended)
    const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0)
    if (pid === process.pid) own = ticks
    const parent = Number(fields[1])
    children.set(parent, [...(children.get(parent) ?? []), { pid, ticks }])
  }
  const below = (pid: number): number =>
    (children.get(pid) ?? []).reduce((total, child) => total + child.ticks + below(child.pid), 0)
  return (own + below(process.pid)) * tick
}

/** The fields after the name of the program, undefined if the process has ended. */
function readStat(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')
  } catch {
    return undefined
  }
}
