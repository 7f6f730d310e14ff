// `app.ts` and `routing/router.ts` are imported by themselves: they load Express, which a worker process does not need.
export { decodeCursor, encodeCursor, page, readCursor } from './cursor.ts'
export { createForwardedIdentity } from './protection/forwarded-identity.ts'
export { type InvalidRequest, type Route, type RouteRequest, route, type Wrap } from './route.ts'
export { correlationIdOf } from './routing/frame.ts'
export { type Prepared, prepare } from './routing/prepared.ts'
export { createHttpServer } from './server.ts'
export { fieldFaults } from './validation.ts'
