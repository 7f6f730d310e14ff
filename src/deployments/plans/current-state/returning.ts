import type { BindingReturn, NamedBinding, PresentBinding } from '../../model/app-state.ts'
import { kindOf } from './bindings.ts'

/**
 * Compares the secrets and variables of two versions.
 * @param sameSecrets names of secrets whose values are known to be equal in both
 */
export function bindingReturn(
  now: PresentBinding[],
  then: PresentBinding[],
  sameSecrets: string[] = [],
): BindingReturn {
  const find = (list: PresentBinding[], { name, type }: PresentBinding) =>
    list.find((each) => each.name === name && kindOf(each.type) === kindOf(type))
  const named = (list: PresentBinding[]): NamedBinding[] =>
    list.map(({ type, name }) => ({ kind: kindOf(type), name })).filter(({ kind }) => kind !== 'binding')
  const reverts = (each: PresentBinding) => {
    const present = find(now, each)
    if (present === undefined) return false
    if (kindOf(each.type) === 'secret') return !sameSecrets.includes(each.name)
    return present.fingerprint !== each.fingerprint
  }
  return {
    returning: named(then.filter((each) => find(now, each) === undefined)),
    disappearing: named(now.filter((each) => find(then, each) === undefined)),
    reverting: named(then.filter(reverts)),
  }
}

/** One sentence per change, for the log and the response of a rollback. Contains names but no values. */
export function returnLines({ returning, disappearing, reverting }: BindingReturn): string[] {
  return [
    ...returning.map(({ kind, name }) =>
      kind === 'secret'
        ? `The secret ${name} returns with its earlier value: delete it or set it again if that value was revoked`
        : `The variable ${name} returns`,
    ),
    ...reverting.map(({ kind, name }) =>
      kind === 'secret'
        ? `The secret ${name} returns to the value of the earlier version: set it again if it was changed or revoked since`
        : `The variable ${name} returns to its earlier value`,
    ),
    ...disappearing.map(({ kind, name }) => `The ${kind} ${name} disappears`),
  ]
}
