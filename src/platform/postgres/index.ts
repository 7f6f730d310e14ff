export { postgresUrl } from './address.ts'
export { BoundedClient, boundedClient, connectionLimits, isAlive, withQueryLimit } from './bounded-client.ts'
export { type DatabaseFault, databaseFaultOf, isDatabaseUnavailable } from './unavailable.ts'
