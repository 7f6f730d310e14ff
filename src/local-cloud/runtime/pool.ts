import { rm } from 'node:fs/promises'
import { KeyedLock } from '../keyed-lock.ts'
import type { LocalCloudLog } from '../options.ts'
import type { RunningWorkers, WorkerRuntime } from '../worker-runtime.ts'
import { AlarmClock, nextAlarm } from './alarms.ts'
import { bridgeId } from './bridge/bridge.ts'
import type { Group, Groups, Serving } from './groups/group.ts'
import { type Node, type StoreNode, scriptIdOf, scriptNode } from './groups/nodes.ts'
import { groupLog } from './logs/group-log.ts'
import type { WorkerLogs } from './logs/worker-logs.ts'
import { isQuiet, type Lease, lease, type Slot } from './slot.ts'

export interface PoolOptions {
  groups: Groups
  /** The directory of all stored data. */
  storageDir: string
  runtime: WorkerRuntime
  log: LocalCloudLog
  logs: WorkerLogs
  /** Above this number of running groups, the least recently used one is ended. A Worker takes about 50 MB. */
  maxRunning: number
  /** A group without requests for this time is ended; the next request starts it again. */
  idleMs: number
  /** Called after each start of a group, with what runs in it. */
  onStart?(nodes: Node[]): void
}

/** The time that a new version waits for the old version's requests in progress. */
const drainMs = 3000

/** The running groups of Workers: one workerd process per group, started on demand. */
export class Pool {
  readonly #slots = new Map<Node, Slot>()
  readonly #locks = new KeyedLock<Node>()
  readonly #options: PoolOptions
  readonly #sweeper: NodeJS.Timeout
  readonly #alarms: AlarmClock
  #stopped = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.#alarms = new AlarmClock(
      (scriptId) => this.#nextAlarm(scriptId),
      (scriptId) => void this.#wake(scriptId),
    )
    this.#sweeper = setInterval(() => void this.sweep(), Math.min(options.idleMs, 60_000)).unref()
  }

  /** Schedules the alarms of these scripts, so that they fire without a request. Called once, at the start. */
  watchAlarms(scriptIds: number[]): void {
    for (const id of scriptIds) this.#alarms.set(id)
  }

  /**
   * Waits for a version change in progress, and starts the Worker if needed.
   * @returns undefined if nothing is deployed
   */
  async acquire(scriptId: number, pick: (shares: Serving['shares']) => string): Promise<Lease | undefined> {
    return await this.#lease(scriptNode(scriptId), (slot) => pick(slot.shares.get(scriptId) ?? []))
  }

  /**
   * Starts the process that owns a store, if needed. The lease leads to the bridge, by which the API reads and writes.
   * @throws Error if the process does not start
   */
  async acquireStore(store: StoreNode): Promise<Lease> {
    const found = await this.#lease(store, () => bridgeId)
    if (found === undefined) throw new Error('the local cloud is stopping')
    return found
  }

  async #lease(node: Node, pick: (slot: Slot) => string): Promise<Lease | undefined> {
    for (let attempt = 0; attempt < 3; attempt++) {
      await this.#locks.idle(node)
      const slot = this.#slots.get(node)
      if (slot?.workers.alive) return lease(slot, pick(slot))
      const isRunning = await this.#withGroup(node, () => this.#ensure(node))
      if (!isRunning) return undefined
    }
    throw new Error('the Worker process ended three times in a row')
  }

  /**
   * Replaces the running versions of a script with the deployed ones, and runs them together with what they are bound to
   * now. A stopped Worker is not started.
   */
  async refresh(scriptId: number): Promise<void> {
    const node = scriptNode(scriptId)
    const stopped = await this.#withGroup(node, async () => {
      this.#alarms.resetFailures(scriptId)
      // A running Worker may have waited for this one: its binding threw errors until now.
      const running = this.#slotsOf(this.#affected(node)).flatMap(({ nodes }) => nodes)
      if (running.length === 0) this.#alarms.set(scriptId)
      else {
        await this.#end(running, drainMs)
        await this.#tryToStart(node)
      }
      return running.filter((each) => !this.#slots.has(each))
    })
    this.#restart(stopped.filter((each) => each !== node))
  }

  /**
   * Ends the group of a script or store, and does `work` before it can start again. The other scripts of the group start
   * again afterwards.
   */
  async exclusively(node: Node, work: () => Promise<void>): Promise<void> {
    const stopped = await this.#withGroup(node, async () => {
      const before = this.#slotsOf([node]).flatMap(({ nodes }) => nodes)
      await this.#end([node], drainMs)
      await work()
      return before
    })
    this.#restart(stopped.filter((each) => each !== node))
  }

  /** Ends the Worker and deletes the given directories before it can start again. */
  async deleteData(scriptId: number, directories: string[]): Promise<void> {
    await this.exclusively(scriptNode(scriptId), async () => {
      this.#alarms.cancel(scriptId)
      for (const directory of directories) await rm(directory, { recursive: true, force: true })
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#sweeper)
    this.#alarms.stop()
    const all = [...this.#slots.keys()]
    await Promise.all(all.map((node) => this.#withGroup(node, () => this.#end([node], 0))))
  }

  #nextAlarm(scriptId: number): number | undefined {
    const classes = this.#stopped ? undefined : this.#options.groups.classesOf(scriptId)
    if (classes === undefined) return undefined
    if (this.#options.groups.hasWork(scriptId)) return Date.now()
    try {
      return nextAlarm(this.#options.storageDir, classes)
    } catch (error) {
      // An alarm may be due: workerd fires it once it runs.
      this.#options.log.warn({ err: error, scriptId }, 'Could not read the alarms of a Worker')
      return Date.now()
    }
  }

  async #wake(scriptId: number): Promise<void> {
    const node = scriptNode(scriptId)
    try {
      await this.#withGroup(node, () => this.#ensure(node))
    } catch (error) {
      this.#options.log.warn({ err: error, scriptId }, 'Could not start a Worker with a due alarm')
      this.#alarms.setAfterFailure(scriptId)
    }
  }

  /** Handles an unexpected exit: the group starts again at its next alarm or request. */
  #onExit(slot: Slot): void {
    const isPresent = slot.nodes.some((node) => this.#slots.get(node) === slot)
    if (isPresent && !this.#stopped) for (const id of slot.shares.keys()) this.#alarms.setAfterFailure(id)
  }

  /** The nodes of the group of a node; empty if nothing is deployed, or nothing may start any more. */
  #groupOf(node: Node): ReadonlySet<Node> {
    return this.#stopped ? new Set() : this.#options.groups.nodesOf(node)
  }

  /** The nodes of the group of a node, and of all running groups that share a node with it. */
  #affected(node: Node): Set<Node> {
    const present = this.#slots.get(node)?.nodes ?? []
    const all = new Set([node, ...present, ...this.#groupOf(node)])
    for (const slot of this.#slotsOf(all)) for (const each of slot.nodes) all.add(each)
    return all
  }

  /** Runs `work` while nothing else starts or ends a group that shares a node with that of `node`. */
  async #withGroup<T>(node: Node, work: () => Promise<T>): Promise<T> {
    for (;;) {
      const wanted = this.#affected(node)
      // One order for all callers, so that two of them can't wait for each other.
      const inOrder = [...wanted].toSorted()
      let result: { value: T } | undefined
      const once = async () => {
        // A deployment may have changed the groups while this call waited for the locks.
        if ([...this.#affected(node)].every((each) => wanted.has(each))) result = { value: await work() }
      }
      await inOrder.reduceRight<() => Promise<void>>(
        (inner, key) => () => this.#locks.run(key, inner),
        once,
      )()
      if (result !== undefined) return result.value
    }
  }

  #slotsOf(nodes: Iterable<Node>): Slot[] {
    const found = [...nodes].map((node) => this.#slots.get(node))
    return [...new Set(found.filter((slot) => slot !== undefined))]
  }

  async #tryToStart(node: Node): Promise<void> {
    try {
      await this.#ensure(node)
    } catch (error) {
      this.#options.log.warn({ err: error, node }, 'A Worker did not start; the next request will try again')
    }
  }

  /** Starts what was stopped for a change of another group, so that its next request need not wait. */
  #restart(nodes: Node[]): void {
    for (const node of nodes) {
      if (scriptIdOf(node) !== undefined) void this.#withGroup(node, () => this.#tryToStart(node))
    }
  }

  async #ensure(node: Node): Promise<boolean> {
    if (this.#slots.get(node)?.workers.alive) return true
    const nodes = this.#groupOf(node)
    // Miniflare may still hold an exited workerd. Two processes must not use the same files.
    await this.#end([node, ...nodes], drainMs)
    if (nodes.size === 0) return false
    const slot = await this.#start(this.#options.groups.load(nodes))
    // `stop` may have been called during the start, before this group was in `#slots`.
    if (this.#stopped) {
      await slot.workers.stop()
      return false
    }
    for (const each of nodes) this.#slots.set(each, slot)
    for (const id of slot.shares.keys()) this.#alarms.cancel(id)
    void slot.workers.exited.then(() => this.#onExit(slot))
    void this.#makeRoom(slot)
    this.#options.onStart?.(slot.nodes)
    return true
  }

  async #start(group: Group): Promise<Slot> {
    const { runtime, logs, log } = this.#options
    const traffic = { count: 0 }
    const workers: RunningWorkers = await runtime.start(group, {
      onLog: groupLog(group, logs, log),
      activity: () => traffic.count,
    })
    const shares = new Map(group.scripts.map((script) => [script.scriptId, script.shares]))
    const load = { requests: 0, sockets: 0, traffic, lastUsed: Date.now(), drained: undefined }
    return { workers, nodes: group.nodes, shares, ...load }
  }

  /** Ends the groups of these nodes. Waits up to `waitMs` for their requests in progress. */
  async #end(nodes: Iterable<Node>, waitMs: number): Promise<void> {
    await Promise.all(this.#slotsOf(nodes).map((slot) => this.#endSlot(slot, waitMs)))
  }

  async #endSlot(slot: Slot, waitMs: number): Promise<void> {
    if (slot.requests > 0 && waitMs > 0 && slot.workers.alive) {
      const drained = Promise.withResolvers<void>()
      const timer = setTimeout(drained.resolve, waitMs)
      slot.drained = drained.resolve
      await drained.promise
      clearTimeout(timer)
    }
    for (const node of slot.nodes) this.#slots.delete(node)
    await slot.workers.stop()
    if (!this.#stopped) for (const id of slot.shares.keys()) this.#alarms.set(id)
  }

  async #makeRoom(newest: Slot): Promise<void> {
    const all = this.#slotsOf(this.#slots.keys())
    const others = all.filter((slot) => slot !== newest && this.#canEnd(slot))
    others.sort((a, b) => a.lastUsed - b.lastUsed)
    const surplus = others.slice(0, Math.max(0, all.length - this.#options.maxRunning))
    await Promise.all(surplus.map((slot) => this.#endIfQuiet(slot)))
  }

  /** Ends the groups that were idle for `idleMs`. A timer calls it at least once a minute. */
  async sweep(): Promise<void> {
    const limit = Date.now() - this.#options.idleMs
    const idle = this.#slotsOf(this.#slots.keys()).filter(
      (slot) => this.#canEnd(slot) && slot.lastUsed <= limit,
    )
    await Promise.all(idle.map((slot) => this.#endIfQuiet(slot)))
  }

  /** True if an end of the group would interrupt neither a request nor an instance of a workflow. */
  #canEnd(slot: Slot): boolean {
    return isQuiet(slot) && ![...slot.shares.keys()].some((id) => this.#options.groups.hasWork(id))
  }

  async #endIfQuiet(slot: Slot): Promise<void> {
    const [node] = slot.nodes
    if (node === undefined) return
    await this.#withGroup(node, async () => {
      if (this.#slots.get(node) !== slot || !this.#canEnd(slot)) return
      // The group became idle without failing, so earlier failures must not delay its next alarm.
      for (const id of slot.shares.keys()) this.#alarms.resetFailures(id)
      await this.#endSlot(slot, 0)
    })
  }
}
