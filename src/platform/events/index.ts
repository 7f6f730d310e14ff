export { createEventHub, type EventHub } from './hub.ts'
export { createListener, type Listener } from './listener.ts'
export { resumeAfter, serveSse } from './sse.ts'
export {
  appendEvents,
  type NewEvent,
  pruneEvents,
  readEvents,
  type StoredEvent,
  streamHead,
} from './store.ts'
