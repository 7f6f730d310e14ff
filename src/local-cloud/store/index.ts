import type { DatabaseSync } from 'node:sqlite'
import { AssetStore } from './assets.ts'
import { ContainerStore } from './containers.ts'
import { inTransaction, openDatabase } from './database.ts'
import { QueueStore } from './queues.ts'
import { RecordingStore } from './recorded/recordings.ts'
import { ResourceStore } from './resources.ts'
import { ScheduleStore } from './schedules.ts'
import { ScriptStore } from './scripts.ts'
import { VersionStore } from './versions.ts'
import { WorkflowStore } from './workflows/definitions.ts'
import { InstanceStore } from './workflows/instances.ts'
import { ZoneStore } from './zones.ts'

/** The persistent state of the cloud. */
export class Store {
  readonly scripts: ScriptStore
  readonly versions: VersionStore
  readonly containers: ContainerStore
  readonly zones: ZoneStore
  readonly assets: AssetStore
  readonly schedules: ScheduleStore
  readonly queues: QueueStore
  readonly resources: ResourceStore
  readonly workflows: WorkflowStore
  readonly instances: InstanceStore
  readonly recordings: RecordingStore
  readonly #db: DatabaseSync

  constructor(dataDir: string) {
    this.#db = openDatabase(dataDir)
    this.scripts = new ScriptStore(this.#db)
    this.versions = new VersionStore(this.#db)
    this.containers = new ContainerStore(this.#db)
    this.zones = new ZoneStore(this.#db)
    this.assets = new AssetStore(this.#db)
    this.schedules = new ScheduleStore(this.#db)
    this.queues = new QueueStore(this.#db)
    this.resources = new ResourceStore(this.#db)
    this.workflows = new WorkflowStore(this.#db)
    this.instances = new InstanceStore(this.#db)
    this.recordings = new RecordingStore(this.#db)
  }

  transaction<T>(work: () => T): T {
    return inTransaction(this.#db, work)
  }

  close(): void {
    this.#db.close()
  }
}
