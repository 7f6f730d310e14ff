export {
  inherited,
  keptBindings,
  kindOf,
  plannedBindings,
  removedBindings,
  secretTypes,
  variableTypes,
} from './bindings.ts'
export { sameTraffic } from './compare.ts'
export { bindingReturn, returnLines } from './returning.ts'
export { changesSincePlan, stale } from './stale.ts'
export { readScript, readState, readVersions } from './state.ts'
