import type { ControllerRevision, Pod, TemplateContainer, Workload } from '../kubernetes/objects.ts'
import type { Owned } from './owners.ts'

/** One revision of a workload: the pods that were created from one template. */
export interface Revision {
  /** Whether it is the workload's current template. */
  current: boolean
  template: TemplateContainer[]
  pods: Pod[]
}

/** The revisions of a controller that is not read. Its ControllerRevisions show which template is the newest. */
export function ofControllerRevisions({ pods, revisions }: Owned): Revision[] {
  const numbered = numbersOf(revisions)
  const [newest] = numbered
  const groups = groupByHash(pods, numbered)
  return withCurrent(
    groups,
    newest === undefined ? groups[0]?.hash : hashIn(groups, newest),
    newest?.template,
  )
}

interface HashGroup {
  hash: string
  pods: Pod[]
}

/** Groups pods by the template they were created from, the newest first. */
function groupByHash(pods: Pod[], numbered: ControllerRevision[]): HashGroup[] {
  const rank = ({ hash }: HashGroup) => {
    const at = numbered.findIndex((each) => isOf(each, hash))
    return at === -1 ? numbered.length : at
  }
  return [...Map.groupBy(pods, (pod) => pod.revisionHash)]
    .map(([hash, group]) => ({ hash, pods: group }))
    .toSorted((a, b) => rank(a) - rank(b) || newestOf(b.pods).localeCompare(newestOf(a.pods)))
}

/** Some controllers label pods with the name of the revision, others with its hash only. */
const isOf = ({ name, hash }: ControllerRevision, label: string) =>
  label !== '' && (label === hash || label === name)
const hashIn = (groups: HashGroup[], revision: ControllerRevision) =>
  groups.find(({ hash }) => isOf(revision, hash))?.hash
const numbersOf = (revisions: ControllerRevision[]) => revisions.toSorted((a, b) => b.number - a.number)

/** The revisions of a StatefulSet or DaemonSet. */
export function byRevisionHash(workload: Workload, { pods, revisions }: Owned): Revision[] {
  const numbered = numbersOf(revisions)
  const groups = groupByHash(pods, numbered)
  return withCurrent(groups, currentHash(workload, groups, numbered[0]), workload.template)
}

/** The hash of the pods with the workload's current template; undefined if there are no such pods. */
function currentHash(
  { observed, updateRevision, updatedPods, template }: Workload,
  groups: HashGroup[],
  newest: ControllerRevision | undefined,
): string | undefined {
  if (!observed) return undefined
  if (updateRevision !== undefined) return updateRevision
  if (newest !== undefined) return hashIn(groups, newest)
  const alike = groups.find((group) => group.pods.some((pod) => isMadeFrom(pod, template)))
  // Admission webhooks may rewrite the images of pods, so only the controller knows which pods are updated.
  return alike?.hash ?? (updatedPods > 0 ? groups[0]?.hash : undefined)
}

function withCurrent(
  groups: HashGroup[],
  wanted: string | undefined,
  template: TemplateContainer[] | undefined,
): Revision[] {
  const revisions = groups.map(({ hash, pods }) => ({
    current: hash === wanted,
    template: hash === wanted && template !== undefined ? template : (pods[0]?.containers ?? []),
    pods,
  }))
  if (revisions.some(({ current }) => current) || template === undefined)
    return revisions.toSorted((a, b) => Number(b.current) - Number(a.current))
  return [{ current: true, template, pods: [] }, ...revisions]
}

const newestOf = (pods: Pod[]) =>
  pods
    .map((pod) => pod.createdAt)
    .toSorted()
    .at(-1) ?? ''

/** Compares only the containers of the template: admission webhooks may add others to a pod. */
const isMadeFrom = (pod: Pod, template: TemplateContainer[]) =>
  template.every(({ name, image }) =>
    pod.containers.some((each) => each.name === name && each.image === image),
  )
