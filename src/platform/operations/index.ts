export {
  always,
  count,
  eventOf,
  eventStream,
  jobLinks,
  jsonAnswer,
  preparedAnswer,
  redirect,
  resumeHeader,
  resumeQuery,
  sometimes,
  streamHasEnded,
  success,
  time,
} from './answers.ts'
export type {
  Answer,
  Content,
  OperationDescription,
  SocketDescription,
} from './operation.ts'
