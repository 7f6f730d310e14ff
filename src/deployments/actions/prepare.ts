import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { databaseTime } from '../../platform/clock.ts'
import { invalidBody } from '../../platform/errors.ts'
import type { Environment } from '../config.ts'
import type { Images } from '../images/images.ts'
import { inspectImage } from '../images/preflight.ts'
import type { AppState } from '../model/app-state.ts'
import { quarantineOf, servedBy } from '../model/history.ts'
import { instanceTypes } from '../model/instance-types.ts'
import { requireEnvironment, requireTransfers } from '../model/permission.ts'
import type { Plan } from '../model/plan.ts'
import type { PlannedContainer } from '../model/planned-container.ts'
import type { PrepareConfig } from '../model/schema.ts'
import { buildPlan, checkConfig } from '../plans/build.ts'
import { frontOf, plannedContainer } from '../plans/container.ts'
import { checkBlobs, namedBlobs } from '../plans/parts/modules.ts'
import { requireAccount, requireSecrets } from '../plans/prerequisites.ts'
import { preview } from '../plans/preview.ts'
import { type CostEstimate, estimateCost } from '../plans/prices.ts'
import {
  findAssetManifest,
  findBlobSizes,
  findContainerClass,
  listHistory,
  type TargetRow,
} from '../store/index.ts'
import type { Target } from '../targets/targets.ts'
import { requireOwnResources } from './own-resources.ts'
import type { ActionOptions } from './target-lock.ts'

export interface PreparedPlan {
  plan: Plan
  cost: CostEstimate
  /** The deployment with the same content that was rolled back. */
  quarantinedBy: string | null
}

const resolveMs = 15_000

/**
 * Checks a configuration and builds its plan: reads GitHub, the image registry and the cloud, writes nothing.
 * @throws REQ_002 naming the fields, ACCESS_003, and errors of the services that it reads
 */
export async function preparePlan(
  { db, secrets, targets, images, records, quota }: ActionOptions,
  principal: Principal,
  { environment, config: given }: { environment: Environment; config: PrepareConfig },
): Promise<PreparedPlan> {
  requireEnvironment(principal, environment)
  requireTransfers(principal, given.classMigrations)
  const checked = checkConfig(given)
  const github = given.github && (await records.resolve(given.github, AbortSignal.timeout(resolveMs)))
  const target = await targets.of(environment)
  requireAccount(given, target)
  await requireOwnResources({ db, targets }, principal, { environment, config: given, target })
  const container = await inspectContainer(images, target, checked)
  const { config } = checked
  const blobs = await sentBlobs(db, config)
  const history = await listHistory(db, config.appName, environment)
  const { deletedClasses } = config.migrations
  const leavingContainer =
    container === undefined ? await deletedContainerClass(db, history, deletedClasses) : undefined
  const input = { environment, config, github, createdBy: principal.id, container, leavingContainer, blobs }
  const draft = buildPlan({ ...input, createdAt: await databaseTime(db) }, secrets)
  const codeBytes = draft.code.reduce((sum, { length }) => sum + length, 0)
  // Only a check: the code is stored in the transaction of the answer, and most of it usually exists.
  if (codeBytes > 0) (await quota.admit(principal.id, codeBytes))(false)
  const { preview: shown, basis } = await preview(draft, target)
  requireSecrets(config, basis)
  const servesSame = draft.config.assets?.manifest === (await servedManifest(db, draft, basis))
  const changes = shown.changes.map((change) =>
    change.kind === 'assets' && change.action === 'replace' && servesSame
      ? { ...change, action: 'keep' as const }
      : change,
  )
  const plan = { ...draft, preview: { ...shown, changes }, basis: { ...basis, ended: endTimes(history) } }
  const quarantine = quarantineOf(history, plan.digest)
  const cost = estimateCost(target.kind, container && resourcesOf(container.planned))
  return { plan, cost, quarantinedBy: quarantine?.id ?? null }
}

/** The sizes of the blobs that a request names. @throws REQ_002 if one was not sent */
async function sentBlobs(db: Knex, config: PrepareConfig): Promise<Map<string, number>> {
  const digests = namedBlobs(config).map(({ digest }) => digest)
  const sizes = digests.length === 0 ? new Map<string, number>() : await findBlobSizes(db, digests)
  checkBlobs(config, sizes)
  return sizes
}

/** The manifest of the static files that the app serves; undefined if Capstan did not deploy them. */
async function servedManifest(
  db: Knex,
  target: { app: string; environment: Environment },
  { traffic }: AppState,
): Promise<string | undefined> {
  const [only, second] = traffic
  return only === undefined || second !== undefined
    ? undefined
    : findAssetManifest(db, target, only.versionId)
}

/** End times of the newest deployments, by id. A late call cannot belong to an older deployment than these. */
function endTimes(history: TargetRow[]): Record<string, string> {
  const ended = history
    .slice(0, 20)
    .flatMap(({ id, finishedAt }) => (finishedAt === null ? [] : [[id, finishedAt.toISOString()] as const]))
  return Object.fromEntries(ended)
}

/** The plan's container with the current digest of its image; undefined without a container. */
async function inspectContainer(
  images: Images,
  { containers }: Target,
  checked: ReturnType<typeof checkConfig>,
) {
  const { config, wanted } = checked
  if (wanted === undefined) return undefined
  const secret = config.container?.pullSecret
  const image = await inspectImage(images, { image: wanted.reference, secret, containers })
  const front = wanted.isContainerOnly ? await frontOf(wanted) : undefined
  return { planned: plannedContainer(wanted, image), front }
}

const resourcesOf = ({ instanceType, maxInstances }: PlannedContainer) => ({
  ...instanceTypes[instanceType],
  instances: maxInstances,
})

/**
 * The class of the running container if the plan deletes it by name. A container is never removed because a plan does
 * not mention it.
 * @throws REQ_002 if the app runs a container and the plan neither has an image nor deletes the class
 */
async function deletedContainerClass(
  db: Knex,
  history: TargetRow[],
  deleted: string[],
): Promise<string | undefined> {
  const [newest] = history
  const served = servedBy(history)
  if (newest === undefined || typeof served !== 'object') return undefined
  const name = await findContainerClass(db, newest, served.version)
  if (name === undefined || deleted.includes(name)) return name
  const problem = `the app runs a container: give its image, or delete its class ${name} (migrations.deletedClasses)`
  throw invalidBody([{ path: 'config.containerImage', problem }])
}
