export { createEventHub, type EventHub } from './hub.ts'
export { createListener, type Listener } from './listener.ts'
export { resumeAfter, serveSse } from './sse.ts'
export {
  appendEvents,
  appendedColumns,
  type NewEvent,
  pruneEvents,
  readEvents,
  type StoredEvent,
  streamHead,
} from './store.ts'
